#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes what is in an image as SPDX 2.3 JSON: the program, the Debian packages that are linked into it or whose headers
are compiled into it, each with its version and notices, and the model.

usage: sbom.py BUILD [--model FILE --model-name NAME] -o FILE
BUILD is a build folder of ninja whose program is complete: the packages are read out of the build itself (the headers
that the compiler opened, the archives that the linker got), so that the list cannot fall behind. Runs where it was
built. The time is $SOURCE_DATE_EPOCH, else now.
"""
import argparse
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import time
import urllib.parse

PROGRAM_LICENSE = "Apache-2.0"
# Of what is used of a source package: dpkg does not tell. The notices themselves are in attributionTexts.
LICENSES = {
    "boost": "BSL-1.0", "cli11": "BSD-3-Clause", "gcc": "GPL-3.0-or-later WITH GCC-exception-3.1",
    "glibc": "LGPL-2.1-or-later", "libjpeg-turbo": "IJG AND BSD-3-Clause AND Zlib", "libpng1.6": "libpng-2.0",
    "libwebp": "BSD-3-Clause", "libyaml": "MIT", "linux": "GPL-2.0-only WITH Linux-syscall-note",
    "sqlite": "blessing", "utf8proc": "MIT", "xxhash": "BSD-2-Clause", "zlib": "Zlib",
}
# Boost's file lists two megabytes of authors; its licence asks for no notice beside object code.
MAX_NOTICE_BYTES = 200_000
# What the compiler links without being told.
IMPLIED = ("crt1.o", "crti.o", "libc.a", "libm.a", "libgcc.a", "libgcc_eh.a", "libstdc++.a")
OURS = re.compile(r"CMakeFiles/minnow(_core|_cli)?\.dir/")
FIELDS = ("Package", "Version", "Architecture", "source:Package", "source:Version", "Homepage")


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def headers(build):
    """System headers that the program's objects were compiled with."""
    found, ours = set(), False
    for line in run("ninja", "-C", str(build), "-t", "deps").splitlines():
        if not line.startswith(" "):
            ours = bool(OURS.match(line))
        elif ours and line.strip().startswith("/usr/"):
            found.add(line.strip())
    return found


def archives(build):
    """Archives and objects of the system that the program is linked with."""
    link = run("ninja", "-C", str(build), "-t", "commands", "minnow").splitlines()[-1].split()
    compiler = next(word for word in link if re.search(r"(c\+\+|g\+\+)[-0-9.]*$", word))
    return {word for word in link if word.startswith("/usr/") and word.endswith((".a", ".o"))} | \
           {run(compiler, f"-print-file-name={name}").strip() for name in IMPLIED}


def packages_of(files):
    """Names of the Debian packages that the files belong to."""
    paths = sorted({os.path.realpath(path) for path in files})
    owners = subprocess.run(["dpkg", "-S", *paths], check=False, capture_output=True, text=True).stdout
    return {line.split(": ")[0].split(",")[0].split(":")[0] for line in owners.splitlines()}


def spdx_id(name):
    return "SPDXRef-" + re.sub(r"[^A-Za-z0-9.-]", "-", name)


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def package(name, version, **more):
    return {"name": name, "SPDXID": spdx_id(name), "versionInfo": version, "downloadLocation": "NOASSERTION",
            "filesAnalyzed": False, "licenseConcluded": "NOASSERTION", "licenseDeclared": "NOASSERTION",
            "copyrightText": "NOASSERTION", **more}


def distribution():
    match = re.search(r'^ID="?([a-z0-9._-]+)', pathlib.Path("/etc/os-release").read_text(), re.MULTILINE)
    return match[1] if match else "debian"


def debian_package(name):
    """A package of the distribution as SPDX describes it."""
    form = "\t".join("${%s}" % field for field in FIELDS)
    known = dict(zip(FIELDS, run("dpkg-query", "-W", "-f", form + "\n", name).splitlines()[0].split("\t"), strict=True))
    base = next((key for key in LICENSES if known["source:Package"].startswith(key)), None)
    system = distribution()
    purl = f"pkg:deb/{system}/{name}@{urllib.parse.quote(known['Version'], safe=':~.-')}?arch={known['Architecture']}"
    described = package(
        name, known["Version"], licenseDeclared=LICENSES.get(base, "NOASSERTION"),
        sourceInfo=f"built from source package {known['source:Package']} {known['source:Version']} of {system}",
        primaryPackagePurpose="LIBRARY",
        externalRefs=[{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": purl}])
    if known["Homepage"]:
        described["homepage"] = known["Homepage"]
    notice = pathlib.Path(f"/usr/share/doc/{name}/copyright")
    if notice.is_file() and notice.stat().st_size <= MAX_NOTICE_BYTES:
        described["attributionTexts"] = [notice.read_text(errors="replace")]
    return described


def document(build, model, model_name):
    program = build / "minnow"
    version = re.search(r"^CMAKE_PROJECT_VERSION:STATIC=(.*)$", (build / "CMakeCache.txt").read_text(), re.MULTILINE)[1]
    digest = sha256(program)
    main = package("minnow", version, licenseDeclared=PROGRAM_LICENSE, primaryPackagePurpose="APPLICATION",
                   checksums=[{"algorithm": "SHA256", "checksumValue": digest}])
    linked, included = packages_of(archives(build)), packages_of(headers(build))
    if "libc6-dev" not in linked:
        sys.exit(f"sbom: dpkg does not know what {program} is linked with")
    packages = [main] + [debian_package(name) for name in sorted(linked | included)]
    relations = [("SPDXRef-DOCUMENT", "DESCRIBES", main["SPDXID"])]
    relations += [(main["SPDXID"], "STATIC_LINK" if name in linked else "DEPENDS_ON", spdx_id(name))
                  for name in sorted(linked | included)]
    if model:
        packages.append(package(f"model-{model_name}", "NOASSERTION", primaryPackagePurpose="FILE",
                                checksums=[{"algorithm": "SHA256", "checksumValue": sha256(model)}]))
        del packages[-1]["versionInfo"]
        relations.append(("SPDXRef-DOCUMENT", "DESCRIBES", packages[-1]["SPDXID"]))
        digest = hashlib.sha256((digest + packages[-1]["checksums"][0]["checksumValue"]).encode()).hexdigest()
    created = time.gmtime(int(os.environ.get("SOURCE_DATE_EPOCH") or time.time()))
    return {
        "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": f"minnow-{version}",
        "documentNamespace": f"https://spdx.org/spdxdocs/minnow-{version}-{digest}",
        "creationInfo": {"created": time.strftime("%Y-%m-%dT%H:%M:%SZ", created), "creators": ["Tool: minnow-sbom.py"]},
        "packages": packages,
        "relationships": [{"spdxElementId": a, "relationshipType": kind, "relatedSpdxElement": b} for a, kind, b in relations],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--model", type=pathlib.Path)
    parser.add_argument("--model-name", default="model")
    parser.add_argument("-o", "--output", type=pathlib.Path, required=True)
    options = parser.parse_args()
    try:
        text = json.dumps(document(options.build, options.model, options.model_name), indent=1, ensure_ascii=False)
        options.output.write_text(text + "\n")
    except subprocess.CalledProcessError as error:
        sys.exit(f"sbom: {' '.join(error.cmd)}: {error.stderr.strip()}")
    except OSError as error:
        sys.exit(f"sbom: {error}")


if __name__ == "__main__":
    main()
