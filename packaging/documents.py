"""Manual pages and completions of `mica`, made of what the program says of its own commands, so that it is said once:
documents.py PROGRAM man|bash|zsh|fish OUTPUT, which is a folder for man and else a file."""
import json
import pathlib
import shutil
import subprocess
import sys

# Values that are files, by what stands for them in --help; all else is not completed.
PATHS = ("PATH", "FILE", "FOLDER", "DIR")


def takes_path(argument):
    return any(word in argument["value"].upper() for word in PATHS)


def options(command):
    return [a for a in command["arguments"] if a["names"][0].startswith("-")]


def spelled(command):
    return [name for option in options(command) for name in option["names"]]


def roff(text):
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\n".join("\\&" + line if line[:1] in ".'" else line for line in text.split("\n"))


def heading(page, version):
    return f'.TH {roff(page.upper())} 1 "" "mica {version}" "User Commands"'


STATUS = [".SH EXIT STATUS", "0 done, 1 failed, 2 a wrong command line, 130 stopped by Ctrl\\-C."]


def man_of(command, version):
    page = "mica-" + command["name"]
    given = [a for a in command["arguments"] if a not in options(command)]
    out = [heading(page, version), ".SH NAME", roff(f"{page} - {command['summary']}"), ".SH SYNOPSIS",
           f".B mica {roff(command['name'])}", "[options]"]
    out += [f".I {roff(argument['value'] or argument['names'][0].upper())}" for argument in given]
    group = None
    for argument in given + options(command):
        title = "ARGUMENTS" if argument in given else "OPTIONS"
        if title != group:
            out.append(f".SH {title}")
            group = title
        if argument in given:
            names = f"\\fI{roff(argument['value'] or argument['names'][0])}\\fR"
        else:
            names = ", ".join(f"\\fB{roff(name)}\\fR" for name in argument["names"])
            if argument["value"]:
                names += f" \\fI{roff(argument['value'])}\\fR"
        default = f" (default: {argument['default']})" if argument["default"] else ""
        out += [".TP", names, roff(argument["help"] + default)]
    if command["examples"]:
        out += [".SH EXAMPLES", ".nf", roff(command["examples"].rstrip("\n")), ".fi"]
    return out + STATUS + [".SH SEE ALSO", ".BR mica (1)"]


def man(said):
    """The page of mica, and one a command, which `man mica run` finds as it finds those of git."""
    out = [heading("mica", said["version"]), ".SH NAME",
           "mica \\- answers questions about pictures, on the CPU and offline", ".SH SYNOPSIS",
           ".B mica", ".I COMMAND", "[options]", ".SH COMMANDS", "Each has a page of its own."]
    for command in said["commands"]:
        out += [".TP", f".BR mica\\-{roff(command['name'])} (1)", roff(command["summary"])]
    pages = {f"mica-{command['name']}.1": man_of(command, said["version"]) for command in said["commands"]}
    return {"mica.1": out + STATUS, **pages}


def bash(said):
    names = " ".join(command["name"] for command in said["commands"])
    out = ["# Completion of mica for bash.", "_mica() {",
           '  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}',
           "  if [ \"$COMP_CWORD\" = 1 ]; then",
           f'    COMPREPLY=($(compgen -W "{names} --help --version" -- "$word"))',
           "    return", "  fi", "  case ${COMP_WORDS[1]} in"]
    for command in said["commands"]:
        out += [f"    {command['name']})", "      case $before in"]
        for option in options(command):
            if option["choices"]:
                words = f'compgen -W "{" ".join(option["choices"])}"'
            elif takes_path(option):
                words = "compgen -f"
            elif option["value"]:
                words = None
            else:
                continue
            reply = f'COMPREPLY=($({words} -- "$word"))' if words else "COMPREPLY=()"
            out.append(f"        {'|'.join(option['names'])}) {reply}; return ;;")
        words = " ".join(spelled(command))
        out += ["      esac", "      if [[ $word == -* ]]; then",
                f'        COMPREPLY=($(compgen -W "{words} --help" -- "$word"))', "      else",
                '        COMPREPLY=($(compgen -f -- "$word"))', "      fi ;;"]
    return out + ["  esac", "}", "complete -o filenames -F _mica mica"]


def quoted(text):
    return "'" + text.replace("'", "'\\''") + "'"


def zsh(said):
    def field(text):  # a description between brackets
        return text.replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]").replace(":", "\\:")

    out = ["#compdef mica", "# Completion of mica for zsh.", "local -a commands", "commands=("]
    out += ["  " + quoted(f"{c['name']}:{field(c['summary'])}") for c in said["commands"]]
    out += [")", "if (( CURRENT == 2 )); then", "  _describe command commands", "  return", "fi",
            "local command=$words[2]", "shift words", "(( CURRENT-- ))", "case $command in"]
    for command in said["commands"]:
        out += [f"  {command['name']})", "    _arguments \\"]
        for option in options(command):
            action = ""
            if option["choices"]:
                action = f":{field(option['value'])}:({' '.join(option['choices'])})"
            elif option["value"]:
                action = f":{field(option['value'])}:{'_files' if takes_path(option) else ' '}"
            repeats = "*" if option["repeats"] else ""
            for name in option["names"]:
                out.append("      " + quoted(repeats + name + "[" + field(option["help"]) + "]" + action) + " \\")
        out += ["      '*:file:_files' ;;"]
    return out + ["esac"]


def fish(said):
    out = ["# Completion of mica for fish.", "complete -c mica -n __fish_use_subcommand -f"]
    for command in said["commands"]:
        name = command["name"]
        out.append(f"complete -c mica -n __fish_use_subcommand -a {name} -d {quoted(command['summary'])}")
        for option in options(command):
            line = f"complete -c mica -n '__fish_seen_subcommand_from {name}'"
            for spelling in option["names"]:
                letters = spelling.lstrip("-")
                if spelling.startswith("--"):
                    line += f" -l {letters}"
                else:
                    line += f" -s {letters}" if len(letters) == 1 else f" -o {letters}"
            if option["choices"]:
                line += f" -x -a {quoted(' '.join(option['choices']))}"
            elif option["value"]:
                line += " -r" if takes_path(option) else " -x"
            out.append(line + f" -d {quoted(option['help'])}")
    return out


def main():
    program, kind, output = sys.argv[1:]
    said = json.loads(subprocess.run([program, "__describe-commands"], check=True, capture_output=True).stdout)
    path = pathlib.Path(output)
    if kind == "man":
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir()
        files = {path / name: lines for name, lines in man(said).items()}
    else:
        files = {path: {"bash": bash, "zsh": zsh, "fish": fish}[kind](said)}
    for file, lines in files.items():
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")


main()
