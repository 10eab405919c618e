"""foretell.py WORK KERNEL_WORK KERNEL_WORK_ARM64 SYSROOT: the counting and the arithmetic of foretell.sh."""
import os
import re
import subprocess
import sys

work, native, arm, sysroot = sys.argv[1:]
llvm_mc, llvm_mca = os.environ.get("LLVM_MC", "llvm-mc"), os.environ.get("LLVM_MCA", "llvm-mca")
qemu_arm = [os.environ.get("QEMU_AARCH64", "qemu-aarch64"), "-L", sysroot]
qemu_x86 = [os.environ.get("QEMU_X86_64", "qemu-x86_64")]

# name, level, whom qemu is, whom llvm-mca schedules for, GHz, cores, GB/s that all of them read. LLVM 14 schedules an
# A76 as an A57, with half of its vector units and one load; exynos-m5 is nearest to what Arm says of it.
BOARDS = [
    ("Raspberry Pi 3, 4 x A53", "neon", "cortex-a53", "cortex-a53", 1.4, 4, 2.2),
    ("Raspberry Pi 4, 4 x A72", "neon", "cortex-a72", "cortex-a72", 1.8, 4, 4.5),
    ("Raspberry Pi 5, 4 x A76 as A57", "neon_dotprod", "cortex-a76", "cortex-a76", 2.4, 4, 10.0),
    ("Raspberry Pi 5, 4 x A76 as M5", "neon_dotprod", "cortex-a76", "exynos-m5", 2.4, 4, 10.0),
    ("RK3588, 4 x A76 as M5", "neon_dotprod", "cortex-a76", "exynos-m5", 2.3, 4, 18.0),
    ("RK3588, its 4 x A55", "neon_dotprod", "cortex-a76", "cortex-a55", 1.8, 4, 10.0),
]

# What is counted, and how many products a call makes.
TILE = (["product", "w4a8", "384", "256", "1536"], 384 * 256 * 1536)
STREAM = (["product", "w4a8", "1", "1536", "1536"], 1536 * 1536)
BYTES = (["product", "w8a8", "1", "1536", "1536"], 1536 * 1536)
ATTENTION = (["attention", "1024", "80"], 48 * 1024 * 80 * 2)
WORKS = {"tile": TILE, "stream": STREAM, "stream of bytes": BYTES, "attention": ATTENTION}

# Qwen2-VL-2B: products of a token, with the head's, which are of 8 bits; and of a picture of so many patches.
LAYERS = 28 * (2 * 1536 * 1536 + 2 * 1536 * 256 + 3 * 1536 * 8960)
HEAD = 151936 * 1536


def tower(patches):
    layer = 1280 * (4 * 1280 + 2 * 5120)
    return patches * (32 * layer + 1176 * 1280) + patches // 4 * (5120 * 5120 + 5120 * 1536)


def tower_attention(patches):
    return 32 * 16 * 80 * 2 * patches * patches


def run(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit("foretell.py: %s failed: %s" % (" ".join(command), (done.stderr or done.stdout).strip()[-400:]))
    return done.stdout


def blocks_of(qemu, program, level, arguments, times):
    out = os.path.join(work, "counts")
    run(qemu + ["-plugin", "%s/count_blocks.so,out=%s" % (work, out), program, level, *arguments, str(times)])
    found = {}
    with open(out) as lines:
        for line in lines:
            address, ran, instructions, code = line.split()
            key = (address, int(instructions), code)
            found[key] = found.get(key, 0) + int(ran)
    return found


def blocks_of_a_call(qemu, program, level, arguments):
    """How often each block runs in a call: what two calls more add."""
    few, more = (blocks_of(qemu, program, level, arguments, times) for times in (1, 3))
    return {key: (ran - few.get(key, 0)) / 2 for key, ran in more.items() if ran > few.get(key, 0)}


def cycles_of(code, triple, cpu, attributes):
    """Of a block that runs over and over."""
    hexadecimal = " ".join("0x" + code[i:i + 2] for i in range(0, len(code), 2))
    text = subprocess.run([llvm_mc, "-disassemble", "-triple=" + triple, "-mattr=" + attributes], input=hexadecimal,
                          capture_output=True, text=True).stdout
    done = subprocess.run([llvm_mca, "-mtriple=" + triple, "-mcpu=" + cpu, "-mattr=" + attributes, "-iterations=200"],
                          input=text, capture_output=True, text=True).stdout
    cycles = re.search(r"Total Cycles: +(\d+)", done)
    return int(cycles[1]) / 200 if cycles else None


def estimate(qemu, program, level, arguments, triple, cpu, attributes):
    """Instructions and cycles of a call. Blocks that make less than 0.3 % of it cost as much as the rest does."""
    blocks = blocks_of_a_call(qemu, program, level, arguments)
    total = sum(ran * key[1] for key, ran in blocks.items())
    cycles = known = 0
    for key, ran in blocks.items():
        if ran * key[1] < 0.003 * total:
            continue
        of_block = cycles_of(key[2], triple, cpu, attributes)
        if of_block is not None:
            cycles += ran * of_block
            known += ran * key[1]
    return total, cycles * total / known


def seconds_of(level, arguments, times):
    return float(run([native, level, *arguments, str(times)]).split()[1])


def check_here():
    """The same of this machine at level avx2, which qemu has too, beside what it does."""
    hertz = 1e6 / min(seconds_of("avx2", ["clock"], 100) for _ in range(5))
    print("This machine at level avx2, %.2f GHz, cycles of a call:\n" % (hertz / 1e9))
    print("| work | instructions a product | foretold | measured | foretold / measured |")
    print("| --- | ---: | ---: | ---: | ---: |")
    ratios = {}
    for name, (arguments, products) in WORKS.items():
        count, cycles = estimate(qemu_x86 + ["-cpu", "max"], native, "avx2", arguments, "x86_64", "sapphirerapids",
                                 "+avx2,+fma")
        times = max(3, int(3e8 / products))
        measured = min(seconds_of("avx2", arguments, times) for _ in range(5)) * hertz
        ratios[name] = cycles / measured
        print("| %s | %.4f | %.0f | %.0f | %.2f |" % (name, count / products, cycles, measured, ratios[name]))
    print()
    return ratios


def foretell_boards(ratios):
    print("Predictions, not measurements: no such board was at hand. Cycles are llvm-mca's, all data in the level 1")
    print("cache; of this machine's it foretells %.2f to %.2f. A picture is the products and the attention of its" %
          (min(ratios.values()), max(ratios.values())))
    print("tower, which are nine tenths of it here. A token is the slower of its bytes and its products.\n")
    print("| board | level | tile: instructions, products a cycle | tokens/s | bound by | prompt of 512, tokens/s |"
          " 448 x 448, s | 896 x 896, s |")
    print("| --- | --- | ---: | ---: | --- | ---: | ---: | ---: |")
    known = {}
    for name, level, qemu_cpu, cpu, gigahertz, cores, bandwidth in BOARDS:
        attributes = "+neon,+fullfp16" + (",+dotprod" if level != "neon" else "")
        costs, instructions = {}, {}
        for work_name, (arguments, products) in WORKS.items():
            key = (level, cpu, work_name)
            if key not in known:
                known[key] = estimate(qemu_arm + ["-cpu", qemu_cpu], arm, level, arguments, "aarch64", cpu, attributes)
            instructions[work_name], costs[work_name] = (value / products for value in known[key])
        rate = gigahertz * 1e9 * cores
        computed = (LAYERS * costs["stream"] + HEAD * costs["stream of bytes"]) / rate
        read = (LAYERS / 2 + HEAD) / (bandwidth * 1e9)
        pictures = [(tower(patches) * costs["tile"] + tower_attention(patches) * costs["attention"]) / rate
                    for patches in (1024, 4096)]
        print("| %s, %.1f GHz, %.1f GB/s | %s | %.4f, %.1f | %.1f | %s | %.0f | %.1f | %.0f |" % (
            name, gigahertz, bandwidth, level, instructions["tile"], 1 / costs["tile"], 1 / max(computed, read),
            "memory" if read > computed else "products", rate / (LAYERS * costs["tile"]), *pictures))


foretell_boards(check_here())
