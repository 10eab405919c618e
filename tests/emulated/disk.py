"""The disk of the emulated machine: boot sector, page tables, boot parameters, kernel and first files, in the order in
which boot.S reads them. Not a file system and not a boot loader.

    disk.py OUT BOOT_SECTOR VMLINUZ INIT PROGRAM MEMORY_MIB COMMAND_LINE [ARGUMENT...]
"""
import lzma
import struct
import subprocess
import sys

LOAD = 0xFF0000  # the first byte after the boot sector comes to lie here
KERNEL = 0x1000000
SECTOR = 512
RUN = 256 * SECTOR  # what boot.S reads at once
CYLINDER = 16 * 63 * SECTOR

# Offsets in LOAD...KERNEL.
DIRECTORY, BOOT_PARAMETERS, COMMAND_LINE = 0x1000, 0x2000, 0x3000


def decompressed(data):
    """The kernel of a bzImage; its last four bytes are its length."""
    if data.startswith(b'\xfd7zXZ'):
        return lzma.LZMADecompressor().decompress(data)
    for magic, tool in ((b'\x28\xb5\x2f\xfd', 'zstd'), (b'\x02\x21\x4c\x18', 'lz4')):
        if data.startswith(magic):
            return subprocess.run([tool, '-dc'], input=data[:-4], stdout=subprocess.PIPE, check=True).stdout
    sys.exit('disk.py: a kernel in a compression that is not known here: ' + data[:4].hex())


def kernel_and_header(path):
    """The segments of a kernel laid out from KERNEL on, and the setup header of its bzImage."""
    with open(path, 'rb') as file:
        image = file.read()
    setup_sectors = image[0x1F1] or 4
    offset, length = struct.unpack_from('<II', image, 0x248)
    elf = decompressed(image[(setup_sectors + 1) * SECTOR + offset:][:length])
    entry, table = struct.unpack_from('<QQ', elf, 24)
    count, = struct.unpack_from('<H', elf, 56)
    if entry != KERNEL:
        sys.exit('disk.py: the kernel starts at %#x, not at %#x' % (entry, KERNEL))
    flat = bytearray()
    for i in range(count):
        kind, _, start, _, address, file_bytes, memory_bytes = struct.unpack_from('<IIQQQQQ', elf, table + 56 * i)
        if kind != 1:
            continue
        place = address - KERNEL
        flat.extend(bytes(max(0, place + memory_bytes - len(flat))))
        flat[place:place + file_bytes] = elf[start:start + file_bytes]
    flat.extend(bytes(-len(flat) % 4096))
    return bytes(flat), image[0x1F1:0x202 + image[0x201]]


def archive(files):
    """The cpio archive ("newc") that Linux unpacks as its first file system: of (name, mode, bytes, device)."""
    out = bytearray()
    for number, (name, mode, data, device) in enumerate(files + [('TRAILER!!!', 0, b'', (0, 0))], 1):
        fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(name) + 1, 0)
        out += b'070701' + b''.join(b'%08X' % field for field in fields) + name.encode() + b'\0'
        out += bytes(-len(out) % 4) + data
        out += bytes(-len(out) % 4)
    return bytes(out)


def first_files(init, program, arguments):
    contents = []
    for path in (init, program):
        with open(path, 'rb') as file:
            contents.append(file.read())
    strings = b''.join(argument.encode() + b'\0' for argument in ['/test'] + arguments)
    files = [(folder, 0o40755, b'', (0, 0)) for folder in ('dev', 'proc', 'sys', 'tmp')]
    files.append(('dev/console', 0o20600, b'', (5, 1)))
    files.append(('init', 0o100755, contents[0], (0, 0)))
    files.append(('test', 0o100755, contents[1], (0, 0)))
    files.append(('arguments', 0o100644, strings, (0, 0)))
    return archive(files)


def head(header, kernel_bytes, archive_bytes, memory_bytes, command_line):
    """What lies from LOAD to KERNEL: identity page tables of 4 GiB and struct boot_params."""
    out = bytearray(KERNEL - LOAD)
    struct.pack_into('<Q', out, 0, (LOAD + DIRECTORY) | 3)
    for gibibyte in range(4):
        struct.pack_into('<Q', out, DIRECTORY + 8 * gibibyte, (gibibyte << 30) | 0x83)
    at = BOOT_PARAMETERS
    out[at + 0x1F1:at + 0x1F1 + len(header)] = header
    out[at + 0x210] = 0xFF  # type_of_loader: not a registered one
    out[at + 0x211] |= 1  # loaded high
    struct.pack_into('<II', out, at + 0x218, KERNEL + kernel_bytes, archive_bytes)
    struct.pack_into('<I', out, at + 0x228, LOAD + COMMAND_LINE)
    usable, reserved, tables = 1, 2, 3
    ranges = ((0, 0x9F000, usable), (0x9F000, 0x61000, reserved), (0x100000, memory_bytes - 0x110000, usable),
              (memory_bytes - 0x10000, 0x10000, tables))
    out[at + 0x1E8] = len(ranges)
    for i, memory_range in enumerate(ranges):
        struct.pack_into('<QQI', out, at + 0x2D0 + 20 * i, *memory_range)
    text = command_line.encode() + b'\0'
    out[COMMAND_LINE:COMMAND_LINE + len(text)] = text
    return bytes(out)


def main(out, boot_sector, vmlinuz, init, program, memory_mib, command_line, *arguments):
    kernel, header = kernel_and_header(vmlinuz)
    files = first_files(init, program, list(arguments))
    body = head(header, len(kernel), len(files), int(memory_mib) << 20, command_line) + kernel + files
    body += bytes(-len(body) % RUN)
    with open(boot_sector, 'rb') as file:
        disk = bytearray(file.read())
    struct.pack_into('<I', disk, 504, len(body) // RUN)
    disk += body
    disk += bytes(-len(disk) % CYLINDER)
    with open(out, 'wb') as file:
        file.write(disk)


if __name__ == '__main__':
    main(*sys.argv[1:])
