"""Rows of a psql session in the oracle's canonical JSON (one line a row).

psql prints rows in COPY's text form; the column's PostgreSQL type says how a
value is spelled in canonical JSON (see test/interop/oracle/README.md).
"""
import json
import os
import re
import subprocess

ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v",
           "\\": "\\"}


def unescape(field):
    """One field of COPY's text format; None is a null."""
    if field == "\\N":
        return None
    return re.sub(r"\\(.)", lambda m: ESCAPES.get(m.group(1), m.group(1)),
                  field)


def canonical_float(text):
    if text == "NaN":
        return '"NaN"'
    if text in ("Infinity", "-Infinity"):
        return '"%s"' % text
    # PostgreSQL prints the shortest digits; only the layout is Python's.
    sign = "-" if text.startswith("-") else ""
    mantissa, _, exponent = text.lstrip("-").lower().partition("e")
    whole, _, part = mantissa.partition(".")
    digits = (whole + part).lstrip("0")
    point = len(whole) + int(exponent or 0) - (len(whole + part) - len(digits))
    digits = digits.rstrip("0")
    if not digits:
        return sign + "0.0"
    if -4 < point <= 16:
        if point <= 0:
            return sign + "0." + "0" * -point + digits
        if point >= len(digits):
            return sign + digits + "0" * (point - len(digits)) + ".0"
        return sign + digits[:point] + "." + digits[point:]
    shown = digits[0] + ("." + digits[1:] if len(digits) > 1 else "")
    power = point - 1
    return "%s%se%s%02d" % (sign, shown, "-" if power < 0 else "+",
                            abs(power))


def canonical_time(text):
    main, _, fraction = text.partition(".")
    return "%s.%s" % (main, (fraction + "000")[:3])


def astronomical(text):
    """PostgreSQL's "0001-12-30 BC" is the year 0 of ISO and Java."""
    if not text.endswith(" BC"):
        return text
    year, _, rest = text[:-3].partition("-")
    year = 1 - int(year)
    return "%s%04d-%s" % ("-" if year < 0 else "", abs(year), rest)


def canonical_timestamp(text, suffix):
    text = astronomical(text)
    if text.endswith("+00"):
        text = text[:-3]
    date, _, clock = text.partition(" ")
    main, _, fraction = clock.partition(".")
    return "%sT%s.%s%s" % (date, main, (fraction + "0" * 9)[:9], suffix)


def array_elements(text):
    """Elements of a one-dimensional array as PostgreSQL prints it."""
    out, at = [], 1
    while text[at] != "}":
        match = re.compile(r'"((?:[^"\\]|\\.)*)"|([^,}]*)', re.S).match(text, at)
        quoted, bare = match.groups()
        if quoted is not None:
            out.append(re.sub(r"\\(.)", r"\1", quoted, flags=re.S))
        else:
            out.append(None if bare == "NULL" else bare)
        at = match.end()
        if text[at] == ",":
            at += 1
    return out


def quoted(text):
    return json.dumps(text, ensure_ascii=False)


class Number(str):
    """A number of a jsonb, as it is spelled."""


def canonical_pairs(pairs, key_type, value_type):
    spelled = [(canonical_part(key, key_type), canonical_part(value, value_type))
               for key, value in pairs]
    return "[%s]" % ",".join(
        "[%s,%s]" % pair
        for pair in sorted(spelled, key=lambda pair: pair[0].encode("utf-8")))


def canonical_part(value, lake):
    """A part of a jsonb, as the lake's type (its JSON form) spells it."""
    if isinstance(lake, dict):
        name = lake["type"].split(" ")[0]
    else:
        name = re.match(r"\w+", lake).group(0)
    if name == "VARIANT":
        return quoted(variant_text(value))
    if value is None:
        return "null"
    if name in ("ARRAY", "VECTOR"):
        return "[%s]" % ",".join(canonical_part(v, lake["element"])
                                 for v in value)
    if name == "MAP":
        pairs = value.items() if isinstance(value, dict) else value
        return canonical_pairs(pairs, lake["key"], lake["value"])
    if name == "MULTISET":
        return canonical_pairs(value, lake["element"], "INT")
    if name == "ROW":
        return "{%s}" % ",".join(
            quoted(field["name"]) + ":" +
            canonical_part(value[field["name"]], field["type"])
            for field in lake["fields"])
    if name in ("FLOAT", "DOUBLE"):
        return canonical_float(value)
    if name in ("BINARY", "VARBINARY", "BYTES"):
        return quoted(value[2:])
    if name == "DATE":
        return quoted(astronomical(value))
    if name == "TIME":
        return quoted(canonical_time(value))
    if name.startswith("TIMESTAMP"):
        zone = "LTZ" in lake or "LOCAL" in lake
        value = value.replace("+00:00", "").replace("T", " ")
        return quoted(canonical_timestamp(value, "Z" if zone else ""))
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Number) and name != "DECIMAL":
        return value
    return quoted(value)


def variant_text(value):
    """One spelling of a JSON value, whatever the order of its keys and the
    zeros at the end of a decimal."""
    if isinstance(value, Number):
        if "." in value and "e" not in value.lower():
            return value.rstrip("0").rstrip(".")
        return value
    if isinstance(value, dict):
        return "{%s}" % ",".join(quoted(key) + ":" + variant_text(value[key])
                                 for key in sorted(value))
    if isinstance(value, list):
        return "[%s]" % ",".join(variant_text(item) for item in value)
    return json.dumps(value, ensure_ascii=False)


def schema_types(table_dir, number=None):
    """{column: type as the schema file has it}; of the newest schema."""
    if number is None:
        number = max(int(name[7:])
                     for name in os.listdir(table_dir + "/schema")
                     if re.match(r"schema-\d+$", name))
    with open("%s/schema/schema-%s" % (table_dir, number),
              encoding="utf-8") as handle:
        return {field["name"]: field["type"]
                for field in json.load(handle)["fields"]}


def load_json(text):
    return json.loads(text, parse_int=Number, parse_float=Number)


def settled(line, lake, unordered):
    """A canonical line whose arrays that have no order are sorted, and whose
    VARIANTs are spelled in one way."""
    variants = [name for name, kind in lake.items()
                if isinstance(kind, str) and kind.startswith("VARIANT")]
    if not variants and not unordered:
        return line
    row = json.loads(line)
    for name in unordered:
        if row.get(name) is not None:
            row[name].sort(key=lambda item: json.dumps(item, sort_keys=True))
    for name in variants:
        if row.get(name) is not None:
            row[name] = variant_text(load_json(row[name]))
    return json.dumps(row, ensure_ascii=False, separators=(",", ":"))


def canonical(text, sql_type, lake=None):
    if text is None:
        return "null"
    if sql_type == "jsonb" and lake is not None:
        return canonical_part(load_json(text), lake)
    if sql_type.endswith("[]"):
        return "[%s]" % ",".join(canonical(item, sql_type[:-2])
                                 for item in array_elements(text))
    if sql_type == "boolean":
        return "true" if text == "t" else "false"
    if sql_type in ("smallint", "integer", "bigint"):
        return text
    if sql_type in ("real", "double precision"):
        return canonical_float(text)
    if sql_type == "bytea":
        text = text[2:]
    elif sql_type == "date":
        text = astronomical(text)
    elif sql_type.startswith("timestamp"):
        zone = "with time zone" in sql_type
        text = canonical_timestamp(text, "Z" if zone else "")
    elif sql_type.startswith("time"):
        text = canonical_time(text)
    elif sql_type == "jsonb":
        return json.dumps(json.loads(text), ensure_ascii=False,
                          separators=(",", ":"))
    return json.dumps(text, ensure_ascii=False)


STAMP = re.compile(r'"(-?\d{4,}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6})\d{3}(Z?)"')


def cut_nanoseconds(line):
    """PostgreSQL keeps microseconds: an expected row without the rest."""
    return STAMP.sub(r'"\g<1>000\2"', line)


class Psql:
    """Runs scripts; each statement's output is kept apart by markers."""

    def __init__(self, database="postgres"):
        self.database = database

    def script(self, statements):
        """[(name, sql)] -> {name: (rows as text lines, error or None)}."""
        text = ["\\set VERBOSITY verbose", "\\pset null '\\\\N'"]
        for name, sql in statements:
            if not sql.endswith(("gdesc", ";")):
                sql += ";"
            text += ["\\echo :::%s" % name, sql]
        text.append("\\echo :::end")
        done = subprocess.run(
            ["psql", "-X", "-q", "-A", "-t", "-F", "|", "-d", self.database],
            input="\n".join(text), stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, encoding="utf-8")
        results, name, lines = {}, None, []
        # Only "\n" ends a row: values may hold other line breaks.
        for line in done.stdout.split("\n"):
            if line.startswith(":::"):
                if name is not None:
                    results[name] = split_error(lines)
                name, lines = line[3:], []
            else:
                lines.append(line)
        if name != "end":
            results[name] = (lines, "psql stopped: " + done.stdout[-300:])
        return results


def split_error(lines):
    for number, line in enumerate(lines):
        match = re.match(r"(?:psql:\S+ )?(ERROR|FATAL|PANIC):  (.*)", line)
        if match:
            return lines[:number], match.group(2) + " " + " ".join(
                more.strip() for more in lines[number + 1:number + 4])
    return lines, None


def rows_of(lines, columns, lake=None):
    """COPY lines -> sorted canonical lines. columns: [(name, sql type)];
    lake: {name: type as a schema file has it}, for what is nested."""
    lake = lake or {}
    out = []
    for line in lines:
        fields = [unescape(f) for f in line.split("\t")]
        out.append("{%s}" % ",".join(
            json.dumps(name, ensure_ascii=False) + ":" + canonical(f, kind, lake.get(name))
            for f, (name, kind) in zip(fields, columns)))
    return sorted(out, key=lambda row: row.encode("utf-8"))
