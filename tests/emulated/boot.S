/* The boot sector of the emulated machine: reads the rest of the disk to memory, enters 64-bit mode, jumps to Linux.
   Not a boot loader: disk.py lays out what is read, and knows the addresses below. */
        .set    LOAD, 0xff0000                  # page tables and boot parameters; 64 KiB on, the kernel
        .set    KERNEL, 0x1000000
        .set    RUN_SECTORS, 256                # what one ATA command reads

        .code16
        .globl  _start
_start: cli
        xor     %ax, %ax
        mov     %ax, %ds
        in      $0x92, %al                      # address line 20 on
        or      $2, %al
        out     %al, $0x92
        lgdt    descriptors_pointer
        mov     %cr0, %eax
        or      $1, %al                         # protected mode
        mov     %eax, %cr0
        ljmp    $8, $protected

        .code32
protected:
        mov     $0x18, %ax
        mov     %ax, %ds
        mov     %ax, %es
        mov     %ax, %ss
        mov     $LOAD, %edi
        mov     $1, %ebx                        # the sector after this one
        mov     run_count, %ebp
        cld
run:    mov     $0x1f2, %dx
        xor     %al, %al                        # 0 stands for 256 sectors
        out     %al, %dx
        mov     %ebx, %eax
        inc     %dx
        out     %al, %dx
        shr     $8, %eax
        inc     %dx
        out     %al, %dx
        shr     $8, %eax
        inc     %dx
        out     %al, %dx
        shr     $8, %eax
        or      $0xe0, %al                      # linear addresses, first drive
        inc     %dx
        out     %al, %dx
        mov     $0x20, %al                      # read sectors
        inc     %dx
        out     %al, %dx
        mov     $RUN_SECTORS, %esi
sector: mov     $0x1f7, %dx
ready:  in      %dx, %al
        test    $8, %al                         # data to be read
        jz      ready
        mov     $256, %ecx
        mov     $0x1f0, %dx
        rep insw
        dec     %esi
        jnz     sector
        add     $RUN_SECTORS, %ebx
        dec     %ebp
        jnz     run

        mov     $0x20, %eax                     # CR4: physical address extension
        mov     %eax, %cr4
        mov     $LOAD, %eax
        mov     %eax, %cr3
        mov     $0xc0000080, %ecx               # EFER: long mode
        rdmsr
        or      $0x100, %eax
        wrmsr
        mov     %cr0, %eax
        or      $0x80000000, %eax               # paging
        mov     %eax, %cr0
        ljmp    $0x10, $long

        .code64
long:   mov     $LOAD + 0x2000, %esi            # boot_params of Linux's 64-bit boot protocol
        mov     $KERNEL, %eax
        jmp     *%rax

        .balign 8
descriptors:
        .quad   0, 0x00cf9b000000ffff, 0x00af9b000000ffff, 0x00cf93000000ffff
descriptors_pointer:
        .word   31
        .long   descriptors
        .org    504
run_count:
        .long   0                               # written by disk.py
        .org    510
        .word   0xaa55
