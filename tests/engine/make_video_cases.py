#!/usr/bin/env python3
"""Writes the videos among the cases of ../data/golden of families whose frames stand as pictures do: prompts with frames
of ../data/images, and what transformers (5.24, float32, CPU) makes of them. Frames are resized by PIL, the columns before
the rows as torchvision does it; how far torchvision's own integers are from that is printed. Run it in this folder; needs
torch, torchvision, transformers, safetensors, numpy, pillow."""
import json
import os

import numpy as np
import torch
import transformers
from PIL import Image
from safetensors import safe_open
from safetensors.numpy import save_file
from torchvision.transforms.v2 import functional as tvF

GOLDEN, IMAGES = "../data/golden", "../data/images"
PLACEHOLDER, VIDEO = 300, 301
torchvision_resize = tvF.resize
FILTERS = {tvF.InterpolationMode.BICUBIC: Image.BICUBIC, tvF.InterpolationMode.LANCZOS: Image.LANCZOS,
           3: Image.BICUBIC}  # which Gemma 4's class hands on as a number
COMMON = {"do_convert_rgb": True, "do_rescale": True, "do_resize": True, "do_normalize": True,
          "rescale_factor": 0.00392156862745098}


def pil_resize(video, size, interpolation=None, antialias=True):
    """Of [..., 3, height, width], one side after the other."""
    flat = video.reshape(-1, *video.shape[-3:]).permute(0, 2, 3, 1).numpy()
    height, width = size
    made = []
    for frame in flat:
        picture = Image.fromarray(frame)
        picture = picture.resize((width, picture.height), FILTERS[interpolation])
        made.append(np.asarray(picture.resize((width, height), FILTERS[interpolation])))
    return torch.from_numpy(np.stack(made)).permute(0, 3, 1, 2).reshape(*video.shape[:-2], height, width)


def half(values):
    return values | {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}


# family: (processor's file, [(K, frames)])
CASES = {
    "smolvlm": (half(COMMON) | {"video_processor_type": "SmolVLMVideoProcessor", "resample": 1, "do_pad": True,
                                "max_image_size": {"longest_edge": 56},
                                "video_sampling": {"fps": 1, "max_frames": 8, "video_size": {"longest_edge": 112}}},
                [(2, ["clip0_0", "clip0_1", "clip0_2"]), (3, ["clip1_0", "clip1_1", "clip1_2", "clip1_3"])]),
    "internvl": (COMMON | {"video_processor_type": "InternVLVideoProcessor", "resample": 3, "num_frames": 4,
                           "initial_shift": True, "size": {"height": 56, "width": 56},
                           "image_mean": [0.48145466, 0.4578275, 0.40821073],
                           "image_std": [0.26862954, 0.26130258, 0.27577711]},
                 [(4, ["clip0_0", "clip0_1"]), (5, ["clip1_0", "clip1_1", "clip1_2"])]),
    "minicpmv4_6": (half(COMMON) | {"video_processor_type": "MiniCPMV4_6VideoProcessor", "resample": 3,
                                    "max_slice_nums": 2, "scale_resolution": 112, "patch_size": 14, "slice_mode": True,
                                    "downsample_mode": "16x", "max_num_frames": 16, "stack_frames": 1},
                    [(1, ["clip0_0", "clip0_1"])]),
    "gemma4": (COMMON | {"video_processor_type": "Gemma4VideoProcessor", "resample": 3, "num_frames": 32,
                         "image_mean": [0.0] * 3, "image_std": [1.0] * 3, "max_soft_tokens": 70, "patch_size": 6,
                         "pooling_kernel_size": 3},
               [(1, ["clip0_0", "clip0_1"]), (2, ["clip1_0", "clip1_1", "clip1_2"])]),
    "gemma4_unified": (COMMON | {"video_processor_type": "Gemma4UnifiedVideoProcessor", "resample": 3, "num_frames": 32,
                                 "image_mean": [0.0] * 3, "image_std": [1.0] * 3, "max_soft_tokens": 70,
                                 "patch_size": 4, "pooling_kernel_size": 3},
                       [(2, ["clip0_0", "clip0_1"])]),
}


def processed(folder, frames):
    processor = transformers.AutoVideoProcessor.from_pretrained(folder)
    video = [np.asarray(Image.open(f"{IMAGES}/{name}.png").convert("RGB")) for name in frames]
    metadata = {"fps": 24.0, "duration": len(video) / 24.0, "total_num_frames": len(video),
                "frames_indices": list(range(len(video)))}
    out = {}
    for name, resize in (("pil", pil_resize), ("torchvision", torchvision_resize)):
        tvF.resize = resize
        out[name] = processor([np.stack(video)], video_metadata=[metadata], do_sample_frames=False, return_tensors="pt")
    key = "pixel_values_videos" if "pixel_values_videos" in out["pil"] else "pixel_values"
    std = max(processor.image_std)
    steps = (out["pil"][key] - out["torchvision"][key]).abs() * 255 * std
    print(f"  {folder}: torchvision differs by {steps.max():.2f} levels, {(steps > 0.1).float().mean():.4f} of all")
    return out["pil"], key


def runs(family, inputs, config):
    """Of each frame the runs of its placeholders."""
    if family == "smolvlm":
        side = config["vision_config"]["image_size"] // config["vision_config"]["patch_size"] // config["scale_factor"]
        return [[side * side]] * inputs["pixel_values"].shape[1]
    if family == "internvl":
        tower = config["vision_config"]
        first = lambda value: value[0] if isinstance(value, list) else value
        side = int(first(tower["image_size"]) // first(tower["patch_size"]) * config["downsample_ratio"])
        return [[side * side]] * inputs["pixel_values_videos"][0].shape[0]
    if family.startswith("gemma4"):
        return [[inputs["num_soft_tokens_per_video"][0]]] * int(inputs["num_frames_per_video"][0])
    counts = [int(size.prod()) // 16 for size in inputs["target_sizes_videos"]]
    each = len(counts) // int(inputs["num_frames_per_video"][0])
    return [counts[i:i + each] for i in range(0, len(counts), each)]


def prompt(family, frame_runs, rng):
    text = lambda count: [int(i) for i in rng.integers(10, 290, count)]
    placeholder = PLACEHOLDER if family in ("smolvlm", "internvl") else VIDEO
    ids = text(5)
    for frame in frame_runs:
        ids += text(3)
        for count in frame:
            ids += text(2) + [placeholder] * count
    return ids + text(6)


def forward(family, model, ids, inputs):
    ids = torch.tensor([ids])
    if family == "smolvlm":
        return model(input_ids=ids, pixel_values=inputs["pixel_values"]).logits
    if family == "internvl":
        return model(input_ids=ids, pixel_values=torch.cat(list(inputs["pixel_values_videos"]))).logits
    if family == "minicpmv4_6":
        return model(input_ids=ids, pixel_values_videos=inputs["pixel_values_videos"],
                     target_sizes_videos=inputs["target_sizes_videos"]).logits
    kinds = (ids == VIDEO).long() * 2
    return model(input_ids=ids, pixel_values_videos=inputs["pixel_values_videos"], mm_token_type_ids=kinds,
                 video_position_ids=inputs["video_position_ids"],
                 num_frames_per_video=torch.tensor(inputs["num_frames_per_video"])).logits


def main():
    for family, (file, cases) in CASES.items():
        folder = f"{GOLDEN}/{family}"
        json.dump(file, open(f"{folder}/video_preprocessor_config.json", "w"), indent=1)
        config = json.load(open(f"{folder}/config.json"))
        model = transformers.AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32,
                                                                         attn_implementation="eager").eval()
        for number, frames in cases:
            inputs, key = processed(folder, frames)
            for seed in range(1000):
                ids = prompt(family, runs(family, inputs, config), np.random.default_rng(seed))
                greedy, gaps = [], []
                with torch.no_grad():
                    for _ in range(6):
                        logits = forward(family, model, ids + greedy, inputs)[0]
                        if not greedy:
                            last8 = logits[-8:]
                        top = logits[-1].topk(2)
                        greedy.append(int(top.indices[0]))
                        gaps.append(float(top.values[0] - top.values[1]))
                if min(gaps) > 0.02 and max(greedy) < 300:
                    break
            tensors = {"input_ids": np.array(ids, np.int32), "logits_last8": last8.numpy(),
                       "greedy": np.array(greedy, np.int32)}
            if number == cases[0][0]:
                pixels = inputs[key]
                tensors["pixel_values_videos"] = (torch.cat(list(pixels)) if family == "internvl" else pixels).numpy()
                if "target_sizes_videos" in inputs:
                    tensors["target_sizes_videos"] = inputs["target_sizes_videos"].numpy().astype(np.int32)
            names = ",".join(f"{name}.png" for name in frames)
            save_file({name: np.ascontiguousarray(value) for name, value in tensors.items()},
                      f"{folder}/golden_{number}.safetensors", {"images": names, "video_frames": names})
            print(family, number, len(ids), "tokens, seed", seed, {k: v.shape for k, v in tensors.items()})


if __name__ == "__main__":
    main()
