"""Secrets in the Security Manager and in the cryptography: compared in constant time, and overwritten after use."""

import re

from project import ROOT, code, functions, sources

# Names of what a peer must not learn, nor how much of it was guessed well.
SECRET = r"\b(\w*confirm|\w*nonce|\w*ltk|\w*csrk|\w*check|\w*secret|mac_key|temporary_key|private_key|dhkey)\b"
# Locals that hold such a thing; what is in a pairing or a bond is overwritten with that.
LOCAL = r"\b(?:struct sm_secret (\w+)(?:;| =)|uint8_t (\w*mac_key|temporary_key|private_key|dhkey|r|random|blob)\[)"
# What is drawn for somebody else to keep, or goes over the air.
PUBLIC = {("src/host/sm.c", "random"), ("src/host/sm_keys.c", "r"), ("src/host/sm_keys.c", "random")}


def rooms():
    return [path for path in sources(".c", ".h") if re.match(r"src/(crypto/|host/sm)", str(path))]


def test_secrets_are_compared_in_constant_time() -> None:
    wrong = []
    for path in rooms():
        for match in re.finditer(r"\bmemcmp\(((?:[^()]|\([^()]*\))*)\)", code(path)):
            compared = ",".join(match.group(1).split(",")[:2])
            named = [name for name in re.findall(SECRET, compared) if not re.search(rf"\b{name}(\.|->)", compared)]
            if named:
                line = code(path).count("\n", 0, match.start()) + 1
                wrong.append(f"{path}, line {line}: memcmp({compared}); use sm_is_equal")
    assert not wrong, "\n".join(wrong)


def test_secrets_are_overwritten() -> None:
    wrong, seen = [], 0
    for path in rooms():
        lines = code(path).splitlines()
        for function in functions(path):
            body = "\n".join(lines[function.first_line - 1 : function.first_line - 1 + function.line_count])
            inside = body[body.index("\n{") :]
            for names in re.findall(LOCAL, inside):
                name = names[0] or names[1]
                if (str(path), name) in PUBLIC:
                    continue
                seen += 1
                wiped = re.search(rf"(?:crypto|sm)_wipe\(&?{name}\b", inside)
                if not wiped and not re.search(rf"\breturn {name};", inside):
                    wrong.append(f"{path}: {function.name}() leaves `{name}` behind; use sm_wipe")
    assert not wrong, "\n".join(wrong)
    assert seen > 5, f"only {seen} secrets were found under {ROOT}"
