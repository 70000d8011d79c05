# SPDX-License-Identifier: Apache-2.0
"""What a table holds after records were applied one by one, in order, by each write mode."""

import attributes


def version_of(item):
    """(type, value) of the attribute `version`, comparable within a type; None: there is none."""
    value = item.get("version")
    if value is None:
        return None
    (kind, text), = value.items()
    return (kind, attributes.number(text) if kind == "N" else text.encode())


class Oracle:
    """A row a mode: how a record changes the item of its key. Rejected records are listed."""

    def __init__(self, key_names=("id",), items=None):
        self.key_names = key_names
        self.items = dict(items or {})
        self.refused = []

    def key_of(self, item):
        return tuple(next(iter(item[name].values())) for name in self.key_names)

    def put(self, key, item):
        self.items[key] = item

    def delete(self, key, _item):
        self.items.pop(key, None)

    def insert(self, key, item):
        self.items.setdefault(key, item)

    def newer(self, key, item):
        ours = version_of(item)
        stored = version_of(self.items.get(key, {}))
        if stored is None or (stored[0] == ours[0] and stored[1] < ours[1]):
            self.items[key] = item
        elif stored[0] != ours[0]:
            self.refused.append(item)

    def update(self, key, item):
        """One of nothing but nulls makes an item, as in DynamoDB Local; AWS's reference says no."""
        kept = dict(self.items.get(key, {}))
        for name, value in item.items():
            if value == {"NULL": True} and name not in self.key_names:
                kept.pop(name, None)
            else:
                kept[name] = value
        self.items[key] = kept

    def add(self, key, item):
        """A counter: `count` of the records, and the `sum` of their n."""
        before = self.items.get(key, {})
        one = {"count": {"N": 1}, "sum": item["n"]}
        self.items[key] = {"id": item["id"], **{
            name: {"N": attributes.number(before.get(name, {"N": 0})["N"] + value["N"])}
            for name, value in one.items()}}

    def apply(self, record, mode):
        item = attributes.from_record(record)
        getattr(self, mode)(self.key_of(item), item)

    def apply_all(self, records, mode=None):
        for record in records:
            self.apply(record, mode or record["op"])
        return self


def differences(found, expected):
    """What a person wants to read when two tables are not equal; empty when they are."""
    return [f"{key}: {found.get(key)} instead of {expected.get(key)}"
            for key in sorted(set(found) | set(expected), key=repr)
            if found.get(key) != expected.get(key)][:5]
