"""What a release is made of, as CycloneDX 1.5 in JSON: bill_of_materials.py SOURCES VERSION. The Debian packages that
tools/install-packages names for what is built, with the versions that are installed here and the licenses that their
copyright files name; and the sources in subprojects/. The same installation gives the same bytes."""
import configparser
import hashlib
import json
import os
import re
import subprocess
import sys
import uuid
from datetime import datetime, timezone
from pathlib import Path


def said_by(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def licenses_of(package):
    """Of a copyright file in the machine-readable form, the short names; of another the words of its first mention."""
    text = Path("/usr/share/doc", package, "copyright").read_text(encoding="utf-8", errors="replace")
    return sorted(set(re.findall(r"^License: *([^\s,][^\n]*)", text, re.MULTILINE)))


def debian_component(name):
    fields = said_by("dpkg-query", "-W", "-f", "${Package}\\n${Version}\\n${Architecture}\\n${source:Package}", name)
    package, version, architecture, source = fields.split("\n")
    purl = f"pkg:deb/debian/{package}@{version.replace('+', '%2B').replace(':', '%3A')}?arch={architecture}"
    component = {"type": "library", "bom-ref": purl, "name": package, "version": version, "purl": purl,
                 "properties": [{"name": "debian:source", "value": source}]}
    licenses = licenses_of(package)
    if licenses:
        component["licenses"] = [{"license": {"name": license}} for license in licenses]
    return component


def wrapped_component(path):
    wrap = configparser.ConfigParser(interpolation=None)
    wrap.read(path)
    source = wrap["wrap-file"]
    name, version = re.fullmatch(r"(.+)_([^_]+)\.orig\.tar\..*", source["source_filename"]).groups()
    return {"type": "library", "bom-ref": source["source_url"], "name": name, "version": version,
            "hashes": [{"alg": "SHA-256", "content": source["source_hash"]}],
            "externalReferences": [{"type": "distribution", "url": source["source_url"]}]}


def main():
    sources, version = sys.argv[1:]
    packages = said_by(f"{sources}/tools/install-packages", "--list", "libraries", "video").split()
    # What the compiler itself puts into a program.
    packages += ["libc6-dev", f"libstdc++-{said_by('gcc', '-dumpversion').strip()}-dev"]
    components = [debian_component(name) for name in sorted(packages)]
    components += [wrapped_component(path) for path in sorted(Path(sources, "subprojects").glob("*.wrap"))]
    time = datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", "0")), timezone.utc)
    product = {"type": "application", "bom-ref": "mica", "name": "mica", "version": version,
               "licenses": [{"license": {"id": "Apache-2.0"}}]}
    parts = [component["bom-ref"] for component in components]
    bill = {"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
            "metadata": {"timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ"), "component": product},
            "components": components, "dependencies": [{"ref": "mica", "dependsOn": parts}]}
    digest = hashlib.sha256(json.dumps(bill, sort_keys=True).encode()).digest()
    bill["serialNumber"] = uuid.UUID(bytes=digest[:16], version=4).urn
    print(json.dumps(bill, indent=1, sort_keys=True))


main()
