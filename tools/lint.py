"""Structure checks for C and C++ sources; see doc/decisions and README.

Prints one line per fault and exits 1 when there is any.
"""
import os
import re
import sys

RANKS = {
    "storage/include": 0, "storage/base": 1, "storage/testing": 2,
    "storage/codec": 2, "storage/fs": 3, "storage/type": 3,
    "storage/format": 4, "storage/index": 4, "storage/meta": 5,
    "storage/catalog": 6, "storage/lsm": 6, "storage/table": 7,
    "src/import": 1, "src/bridge": 2, "src/delta": 3, "src/fdw": 4,
    "src/worker": 5, "src/decode": 4, "src": 9,
}
FILE_LINES, HEADER_LINES, FUNCTION_LINES = 1000, 260, 70
# The public table contract is one list of verbs; the fdw's callbacks too.
HEADER_EXCEPTIONS = {"storage/include/pmn_table.h": 420}

BANNED_EVERYWHERE = ["strcpy", "strcat", "sprintf", "vsprintf", "atoi",
                     "atol", "strtok", "gets", "rand", "alloca"]
BANNED_STORAGE = ["malloc", "calloc", "realloc", "free", "abort", "exit"]
MALLOC_HOMES = ("storage/base/", "storage/testing/")

faults = []


def fault(path, line, text):
    faults.append("%s:%d: %s" % (path, line, text))


def strip(text):
    """Blank out comments and string contents, keeping line numbers."""
    def blank(match):
        found = match.group(0)
        if found.startswith("/"):
            return re.sub(r"[^\n]", " ", found)
        return '"' + re.sub(r"[^\n]", " ", found[1:-1]) + '"'
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', blank, text,
                  flags=re.S)


def sources():
    for top in ("src", "storage"):
        for folder, _, names in os.walk(top):
            for name in sorted(names):
                if name.endswith((".c", ".h", ".cpp", ".inc")):
                    yield os.path.join(folder, name)


def check_includes(path, raw, graph):
    folder = os.path.dirname(path)
    rank = RANKS.get(folder)
    is_test = path.endswith(("_test.c", "_fuzz.c", "_testing.h"))
    for number, line in enumerate(raw.split("\n"), 1):
        match = re.match(r'\s*#\s*include\s+(["<])([^">]+)[">]', line)
        if not match:
            continue
        quote, name = match.groups()
        if path.startswith("storage/") and (
                name in ("postgres.h", "fmgr.h", "c.h") or
                name.startswith(("utils/", "nodes/", "executor/"))):
            fault(path, number, "storage includes PostgreSQL's " + name)
        if quote != '"':
            continue
        target = os.path.normpath(os.path.join(folder, name))
        if not os.path.exists(target):
            continue
        graph.setdefault(path, []).append(target)
        other = os.path.dirname(target)
        if other == folder or is_test or other == "storage/testing":
            continue
        if path.startswith("src/") and other.startswith("storage/"):
            if target != "storage/include/pmn.h":
                fault(path, number, "src sees storage only through pmn.h")
            continue
        if rank is None or RANKS.get(other) is None:
            fault(path, number, "folder without a rank: " + other)
        elif RANKS[other] >= rank and not (
                other == "storage/include"):
            fault(path, number, "include against the ranks: " + target)


def check_rings(graph):
    state = {}

    def walk(node, trail):
        state[node] = 1
        for target in graph.get(node, []):
            if state.get(target) == 1:
                fault(node, 1, "ring of includes through " + target)
            elif target not in state:
                walk(target, trail + [target])
        state[node] = 2

    for node in list(graph):
        if node not in state:
            walk(node, [node])


def check_functions(path, text):
    lines = text.split("\n")
    start = None
    for number, line in enumerate(lines, 1):
        if line.startswith("{") and number > 1 and \
                lines[number - 2].rstrip().endswith(")"):
            start = number
        elif line.startswith("}") and start is not None:
            if number - start - 1 > FUNCTION_LINES:
                fault(path, start, "function of %d lines" %
                      (number - start - 1))
            start = None


def check_calls(path, text):
    banned = list(BANNED_EVERYWHERE)
    if path.startswith("storage/") and not path.startswith(MALLOC_HOMES) \
            and not path.endswith(("_test.c", "_fuzz.c", "_fuzzing.h", "_testing.h", ".cpp", ".inc")):
        banned += BANNED_STORAGE
    pattern = re.compile(r"(?<![\w.>])(%s)\s*\(" % "|".join(banned))
    for number, line in enumerate(text.split("\n"), 1):
        match = pattern.search(line)
        if match:
            fault(path, number, "banned call: " + match.group(1))
        if path.startswith("src/") and re.search(r"\belog\s*\(\s*ERROR", line):
            fault(path, number, "elog(ERROR: use ereport with a SQLSTATE")
        if path.endswith((".cpp", ".inc")) and (
                "ValueOrDie" in line or "ARROW_CHECK" in line):
            fault(path, number, "aborts the process on failure")


def main():
    graph, names = {}, {}
    for path in sources():
        with open(path, encoding="utf-8") as handle:
            raw = handle.read()
        text = strip(raw)
        count = raw.count("\n")
        limit = HEADER_EXCEPTIONS.get(
            path, HEADER_LINES if path.endswith(".h") else FILE_LINES)
        if count > limit:
            fault(path, count, "file of %d lines, limit %d" % (count, limit))
        if not raw.startswith("/*"):
            fault(path, 1, "no opening comment")
        base = os.path.basename(path)
        if base in names:
            fault(path, 1, "same name as " + names[base])
        names[base] = path
        check_includes(path, raw, graph)
        check_calls(path, text)
        if not path.endswith(".h"):
            check_functions(path, text)
    check_rings(graph)
    print("\n".join(faults) if faults else "lint: %d files" % len(names))
    return 1 if faults else 0


sys.exit(main())
