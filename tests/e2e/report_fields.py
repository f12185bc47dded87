"""The fields of JSON reports, and those that docs/simulate.md has tables of: "runs.all.in_time"."""

import re


def of_report(value, path=""):
    """Of all objects within, also in lists."""
    if isinstance(value, list):
        return set().union(*(of_report(one, path) for one in value))
    fields = set()
    if isinstance(value, dict):
        for key, inner in value.items():
            name = f"{path}.{key}" if path else key
            fields |= {name} | of_report(inner, name)
    return fields


def of_table(text):
    """Names of the first column, and within those the words of the second. A name that begins with
    a dot is beside the one in front of it, with two dots in the streams or all of them."""
    fields = set()
    for names, meaning in re.findall(r"^\| (`.*?) \| (.*) \|$", text, re.MULTILINE):
        parents = [""]
        for name in re.findall("`([^`]+)`", names):
            name = name.replace("[]", "")
            if name.startswith(".."):
                parents = ["runs.streams.", "runs.all."]
            elif not name.startswith("."):
                parents = [name[:name.rfind(".") + 1]]
            own = {parent + name.lstrip(".") if name.startswith(".") else name
                   for parent in parents}
            fields |= own
            fields |= {f"{one}.{word}" for one in own for word in re.findall("`([^`]+)`", meaning)}
    return fields


def documented(file):
    """Of the report of `simulate`, and of that of `evaluate`."""
    section = file.read_text().split("\n## Reports\n")[1].split("\n## ")[0]
    simulated, evaluated = section.split("\n`evaluate --report")
    return of_table(simulated), of_table(evaluated)
