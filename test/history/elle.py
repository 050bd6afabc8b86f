"""Checks a history of list appends for what its isolation level forbids.

Every key holds a growing list and every element is appended once. Then the
final list of a key is the order of its versions, and a read names the version
it saw; from these follow who wrote after whom (ww), who read whose write (wr)
and who read what another replaced (rw). The anomalies are those of Adya's
G0, G1a, G1b, G1c, G-single and G2; the idea is that of Elle (Kingsbury and
Alvaro, VLDB 2020).

A transaction is a Transaction; an operation ("append", key, element) or
("read", key, list, time at which it was asked).
"""
from collections import defaultdict

RC, RR, SER = "READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"
OK, FAILED, DOUBT = "ok", "failed", "in doubt"


class Transaction:
    def __init__(self, level, begun):
        self.level, self.begun, self.ended = level, begun, None
        self.status, self.operations = DOUBT, []

    def appends(self):
        return [(key, what) for kind, key, what, *_ in self.operations
                if kind == "append"]

    def reads(self):
        return [op[1:] for op in self.operations if op[0] == "read"]


class Checker:
    def __init__(self, transactions, final):
        """final: {key: list} as read when all was over."""
        self.all, self.final, self.faults = transactions, final, []
        self.writer = {}
        for txn in transactions:
            for key, element in txn.appends():
                self.writer[key, element] = txn
        self.edges = {"ww": defaultdict(set), "wr": defaultdict(set),
                      "rw": defaultdict(set)}

    def fault(self, kind, text):
        self.faults.append("%s: %s" % (kind, text))

    def run(self):
        self.check_elements()
        for txn in self.all:
            if txn.status == OK:
                self.check_own(txn)
                self.check_reads(txn)
        if not self.faults:
            self.make_edges()
            self.check_cycles()
        return self.faults

    def check_elements(self):
        """What is acknowledged is there once, what failed is not."""
        for key, found in self.final.items():
            if len(set(found)) != len(found):
                self.fault("duplicate", "key %s: %s" % (key, found[-20:]))
            for element in found:
                txn = self.writer.get((key, element))
                if txn is None or txn.status == FAILED:
                    self.fault("G1a", "key %s ends with %s of a transaction "
                               "that failed" % (key, element))
        for txn in self.all:
            there = [element in self.final[key]
                     for key, element in txn.appends()]
            if txn.status == OK and not all(there):
                self.fault("lost", "%s of %s" % (there, txn.appends()))
            if txn.status == DOUBT and any(there) and not all(there):
                self.fault("half", "%s of %s" % (there, txn.appends()))

    def check_own(self, txn):
        """Within a transaction: own writes are seen, and from REPEATABLE
        READ on nothing else changes."""
        own, seen = defaultdict(list), {}
        for kind, key, what, *_ in txn.operations:
            if kind == "append":
                own[key].append(what)
                continue
            if own[key] and what[-len(own[key]):] != own[key]:
                self.fault("own", "key %s: appended %s, read %s" %
                           (key, own[key], what[-10:]))
            rest = what[:len(what) - len(own[key])]
            if txn.level != RC and seen.setdefault(key, rest) != rest:
                self.fault("unrepeatable", "key %s: %s, then %s" %
                           (key, seen[key][-5:], rest[-5:]))

    def check_reads(self, txn):
        mine = set(txn.appends())
        for key, what, asked in txn.reads():
            if what != self.final[key][:len(what)]:
                self.fault("order", "key %s: read %s, ended with %s" %
                           (key, what[-10:], self.final[key][:len(what)][-10:]))
                continue
            # The snapshot is that of the statement or of the first one.
            since = asked if txn.level == RC else txn.begun
            for element in self.final[key][len(what):]:
                other = self.writer.get((key, element))
                if other and other.status == OK and other.ended < since:
                    self.fault("stale", "key %s: read without %s, which was "
                               "acknowledged before" % (key, element))
                    break
            others = [e for e in what if (key, e) not in mine]
            if not others:
                continue
            last = self.writer.get((key, others[-1]))
            if last and [e for k, e in last.appends() if k == key][-1] != \
                    others[-1] and last is not txn:
                self.fault("G1b", "key %s: half of a transaction's appends" %
                           key)

    def edge(self, kind, one, other):
        if one and other and one is not other:
            self.edges[kind][one].add(other)

    def make_edges(self):
        for key, found in self.final.items():
            for one, other in zip(found, found[1:]):
                self.edge("ww", self.writer.get((key, one)),
                          self.writer.get((key, other)))
        for txn in self.all:
            if txn.status != OK:
                continue
            mine = set(txn.appends())
            for key, what, _ in txn.reads():
                others = [e for e in what if (key, e) not in mine]
                if others:
                    self.edge("wr", self.writer.get((key, others[-1])), txn)
                # What follows the version read, apart from own appends.
                for element in self.final[key][len(others):]:
                    if (key, element) not in mine:
                        self.edge("rw", txn, self.writer.get((key, element)))
                        break

    def check_cycles(self):
        """READ COMMITTED: no cycle of ww and wr. REPEATABLE READ: none without
        two rw in a row. SERIALIZABLE: none."""
        written = merged(self.edges["ww"], self.edges["wr"])
        ring = component(written)
        if ring:
            self.fault("G1c", self.show(ring))
        if all(txn.level != RC for txn in self.all):
            # Nodes (transaction, whether it was reached by rw): a cycle of
            # them has no two rw in a row.
            product = defaultdict(set)
            for one, others in written.items():
                for other in others:
                    product[one, False].add((other, False))
                    product[one, True].add((other, False))
            for one, others in self.edges["rw"].items():
                for other in others:
                    product[one, False].add((other, True))
            ring = component(product)
            if ring:
                self.fault("G-single", self.show([t for t, _ in ring]))
        if all(txn.level == SER for txn in self.all):
            ring = component(merged(written, self.edges["rw"]))
            if ring:
                self.fault("G2", self.show(ring))

    def show(self, ring):
        return "%d transactions, as %s" % (len(set(ring)), "; ".join(
            " ".join("%s %s:%s" % (kind, key, what[-3:] if kind == "read"
                                   else what)
                     for kind, key, what, *_ in txn.operations)
            for txn in ring[:4]))


def merged(*graphs):
    out = defaultdict(set)
    for graph in graphs:
        for one, others in graph.items():
            out[one] |= others
    return out


def component(graph):
    """A strongly connected component of two nodes or more, or None (Tarjan's
    algorithm without recursion)."""
    number, low, stack, on_stack = {}, {}, [], set()
    for root in list(graph):
        if root in number:
            continue
        work = [(root, iter(graph.get(root, ())))]
        number[root] = low[root] = len(number)
        stack.append(root)
        on_stack.add(root)
        while work:
            node, rest = work[-1]
            for other in rest:
                if other not in number:
                    number[other] = low[other] = len(number)
                    stack.append(other)
                    on_stack.add(other)
                    work.append((other, iter(graph.get(other, ()))))
                    break
                if other in on_stack:
                    low[node] = min(low[node], number[other])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] != number[node]:
                    continue
                ring = []
                while not ring or ring[-1] != node:
                    ring.append(stack.pop())
                    on_stack.discard(ring[-1])
                if len(ring) > 1:
                    return ring
    return None


def script(level, text):
    """A history for tests, one transaction a line: "a1:7 r1:7,8 failed"."""
    out = []
    for number, line in enumerate(text.strip().split("\n")):
        txn = Transaction(level, number * 10)
        txn.ended, txn.status = number * 10 + 1000, OK
        for word in line.split():
            if word in (FAILED, "doubt"):
                txn.status = FAILED if word == FAILED else DOUBT
                continue
            if word == "done":
                txn.ended = txn.begun + 5
                continue
            key, _, what = word[1:].partition(":")
            if word[0] == "a":
                txn.operations.append(("append", int(key), int(what)))
            else:
                txn.operations.append(
                    ("read", int(key), [int(e) for e in what.split(",") if e],
                     txn.begun))
        out.append(txn)
    return out


# Histories that must be found wrong: name, level, final lists, transactions.
WRONG = (
    ("lost", RC, {1: [2]}, "a1:1\na1:2"),
    ("duplicate", RC, {1: [1, 1]}, "a1:1"),
    ("G1a", RC, {1: [1]}, "a1:1 failed"),
    ("half", RC, {1: [1], 2: []}, "a1:1 a2:2 doubt"),
    ("own", RC, {1: [1]}, "a1:1 r1:"),
    ("unrepeatable", RR, {1: [1]}, "r1: r1:1\na1:1"),
    ("order", RC, {1: [1, 2]}, "a1:1\na1:2\nr1:2"),
    ("stale", RC, {1: [1]}, "a1:1 done\nr1:"),
    ("G1b", RC, {1: [1, 2]}, "a1:1 a1:2\nr1:1"),
    ("G1c", RC, {1: [1], 2: [2]}, "a1:1 r2:2\na2:2 r1:1"),
    ("G1c", RC, {1: [1, 2], 2: [4, 3]}, "a1:1 a2:3\na1:2 a2:4"),
    ("G-single", RR, {1: [1], 2: [2]}, "r1: r2:2\na1:1 a2:2"),
    ("G2", SER, {1: [1], 2: [2]}, "r1: a2:2\nr2: a1:1"),
)
RIGHT = (
    (RC, {1: [1, 2, 3]}, "a1:1 r1:1 done\na1:2 done\nr1:1,2 a1:3 r1:1,2,3"),
    (RC, {1: [1], 2: [2]}, "r1: r2:2\na1:1 a2:2"),
    (RC, {1: [1]}, "a1:1\na1:2 failed\na1:3 doubt"),
    (RR, {1: [1], 2: [2]}, "r1: a2:2\nr2: a1:1"),
    (SER, {1: [1], 2: [2]}, "r1: r2:\na1:1 r2:\na2:2 r1:1"),
)


def selftest():
    """The checker finds what it should, and nothing else."""
    for kind, level, final, text in WRONG:
        faults = Checker(script(level, text), final).run()
        if not any(fault.startswith(kind + ":") for fault in faults):
            return "%s is not found in %r: %s" % (kind, text, faults)
    for level, final, text in RIGHT:
        faults = Checker(script(level, text), final).run()
        if faults:
            return "%r is found wrong: %s" % (text, faults)
    return None
