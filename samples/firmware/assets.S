/* The const arrays of firmware.c: a packed model, 64-byte aligned, and a frame. MODEL_FILE and FRAME_FILE name them. */
    .section .rodata
    .balign 64
    .global firmware_model, firmware_model_end, firmware_frame
firmware_model:
    .incbin MODEL_FILE
firmware_model_end:
firmware_frame:
    .incbin FRAME_FILE
    .section .note.GNU-stack, "", %progbits
