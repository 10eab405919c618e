"""Answers of a model against the schemas that they were to keep, by Python's jsonschema, which CI does not have:
check_schemas.py MICA [COUNT [SEED]]. Draws schemas by chance, asks at temperature 1.5 for one answer each, and validates."""
import json
import random
import subprocess
import sys

from jsonschema import Draft202012Validator

LEAVES = [
    {"type": "boolean"}, {"type": "null"}, {"type": "number"}, {"type": ["integer", "null"]},
    {"enum": ["on", "off", 3, None]}, {"const": "\u00e9\n"}, {"type": "string", "maxLength": 20},
    {"type": "string", "pattern": "^(x|yz){1,4}[0-9]?$"}, {"type": "string", "pattern": "a.c", "maxLength": 12},
    {"type": "string", "pattern": "^[^a-f]*$", "minLength": 2, "maxLength": 9}, {"type": "string", "format": "date"},
    {"type": "string", "format": "uuid"}, {"type": "integer", "multipleOf": 7, "minimum": -50, "exclusiveMaximum": 400},
]


def members(chance, depth):
    names = chance.sample(["unit", "value", "is on", "Zähler", "a", "ab", "list", "note\"s"], chance.randint(1, 5))
    made = {"type": "object", "properties": {name: schema(chance, depth - 1) for name in names},
            "required": [name for name in names if chance.random() < 0.6]}
    others = chance.choice([None, False, False, {"type": "integer"}])
    return made if others is None else made | {"additionalProperties": others}


def schema(chance, depth):
    kind = chance.randrange(10 if depth > 0 else 4)
    if kind == 0:
        return chance.choice(LEAVES)
    if kind == 1:
        return {"type": "integer", "minimum": -chance.randint(0, 40), "maximum": chance.randint(0, 3000)}
    if kind == 2:
        return {"type": "number", "exclusiveMinimum": chance.randint(0, 99) / 10, "maximum": chance.randint(100, 999) / 8}
    if kind == 3:
        return {"type": "string", "minLength": chance.randint(0, 4), "maxLength": chance.randint(4, 12)}
    if kind == 4:
        return {"type": "array", "items": schema(chance, depth - 1), "minItems": chance.randint(0, 2), "maxItems": 4}
    if kind == 5:
        return {"anyOf": [schema(chance, depth - 1), schema(chance, depth - 1)]}
    if kind == 6:
        return {"oneOf": [{"type": "object", "properties": {"kind": {"const": name}, "of": schema(chance, depth - 1)},
                           "required": ["kind", "of"], "additionalProperties": False} for name in ("x", "y")]}
    if kind == 7:
        return {"allOf": [members(chance, depth), {"type": "object"}]}
    return members(chance, depth)


def answer(mica, asked, seed):
    run = subprocess.run([mica, "run", "-p", "Which unit is this?", "-o", "json", "--temp", "1.5", "--top-k", "0", "--top-p",
                          "1", "--min-p", "0", "-s", str(seed), "-c", "2048", "-t", "1", "-j", json.dumps(asked)],
                         capture_output=True, text=True)
    if run.returncode:
        raise SystemExit(f"{json.dumps(asked)}: {run.stderr}")
    return json.loads(run.stdout)


def main(mica, count=300, first=0):
    whole = wrong = 0
    for seed in range(first, first + count):
        asked = schema(random.Random(seed), 3)
        said = answer(mica, asked, seed)
        if said["stop"] != "end":
            print(f"{seed}: cut, {len(said['tokens'])} tokens")
            continue
        whole += 1
        try:
            Draft202012Validator(asked).validate(json.loads(said["text"]))
        except Exception as fault:
            wrong += 1
            print(f"{seed}: {json.dumps(asked)}\n  {said['text']}\n  {str(fault).splitlines()[0]}")
    print(f"{count} schemas, {whole} whole answers, {wrong} wrong")
    return wrong > 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], *map(int, sys.argv[2:])))
