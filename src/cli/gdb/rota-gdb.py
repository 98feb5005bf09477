"""gdb learns of rota's tasks, in a live process and in a core file.

    rota tasks     a line for each task
    rota bt ID     the backtrace of one task; without ID, of all

gdb loads this file by itself with librota.so when that is installed where gdb
looks; else: source .../librota.so-gdb.py. It runs nothing in the program and
needs no debug information: rota_debug_root says where things lie. Backtraces
follow frame pointers, because gdb cannot unwind from registers it has not.
"""

import struct

import gdb

VERSION = 1
TASKS_MOST = 1000000
FRAMES_MOST = 64
FOREVER = 2**63 - 1
HOLDER_AT, HOLDER_OBJECT, HOLDER_MEMBERS = range(3)


class Memory:
    def __init__(self):
        self.inferior = gdb.selected_inferior()

    def read(self, at, form):
        data = self.inferior.read_memory(at, struct.calcsize(form))
        return struct.unpack(form, bytes(data))

    def word(self, at):
        return self.read(at, "<Q")[0]

    def number(self, at):
        return self.read(at, "<I")[0]

    def string(self, at):
        if at == 0:
            return ""
        text = b""
        while len(text) < 256:
            byte = bytes(self.inferior.read_memory(at + len(text), 1))
            if byte == b"\0":
                break
            text += byte
        return text.decode("utf-8", "replace")


class Root:
    """The layout, as a dictionary of numbers, and the first runtime."""

    def __init__(self, memory):
        try:
            at = int(gdb.parse_and_eval("(long)&rota_debug_root"))
        except gdb.error:
            raise gdb.GdbError("this is no program of rota's")
        at &= 2**64 - 1
        magic, version, count, entries, self.first = memory.read(at, "<8sIIQQ")
        if magic != b"rotaroot" or version != VERSION:
            raise gdb.GdbError("this program has another version of rota")
        self.layout = {}
        for i in range(count if entries else 0):
            name, value = memory.read(entries + i * 24, "<20sI")
            self.layout[name.rstrip(b"\0").decode()] = value


class Task:
    def __init__(self, memory, layout, at, running):
        def word(field):
            return memory.word(at + layout[field])

        self.memory, self.layout, self.at = memory, layout, at
        self.id = word("task_id")
        self.name = memory.string(word("task_name"))
        self.site = memory.string(word("task_site"))
        self.running = running == at + layout["task_coro"]
        self.sp = word("task_sp")
        self.clauses = word("task_clauses")
        self.clause_count = memory.number(at + layout["task_clause_count"])

    def wait(self, clause):
        """What one clause is for: "lock 0x55d0 of fetch #3"."""
        m, lay = self.memory, self.layout
        kind = m.word(clause + lay["clause_kind"])
        target = m.word(clause + lay["clause_object"])
        text = m.string(m.word(kind + lay["kind_name"]))
        if target:
            text += " %#x" % target
        holder = m.word(kind + lay["kind_holder"])
        if not holder or not target:
            return text
        form = m.number(holder + lay["holder_form"])
        task = target if form == HOLDER_OBJECT else 0
        if form == HOLDER_AT:
            task = m.word(target + m.number(holder + lay["holder_at"]))
        if task:
            text += " of %s #%d" % (
                m.string(m.word(task + lay["task_name"])),
                m.word(task + lay["task_id"]))
        return text

    def state(self):
        if self.running:
            return "running"
        if not self.clauses:
            return "ready"
        size = self.layout["clause_size"]
        try:
            return "waiting: " + " or ".join(
                self.wait(self.clauses + i * size)
                for i in range(self.clause_count))
        except gdb.MemoryError:  # gdb's own core files leave things out
            return "waiting (its stack is not in the core file)"

    def __str__(self):
        site = " (%s)" % self.site if self.site else ""
        return "%s #%d%s %s" % (self.name, self.id, site, self.state())

    def frames(self):
        """Return addresses, innermost first."""
        m, lay = self.memory, self.layout
        try:
            pc = m.word(self.sp + lay["saved_pc"])
            fp = m.word(self.sp + lay["saved_fp"])
        except gdb.MemoryError:
            return
        yield pc
        for _ in range(FRAMES_MOST):
            if fp == 0 or fp % 8:
                return
            try:
                above, pc = m.read(fp, "<QQ")
            except gdb.MemoryError:
                return
            if pc == 0:
                return
            yield pc
            if above <= fp:
                return
            fp = above


class Loop:
    def __init__(self, memory, layout, at):
        self.memory, self.layout, self.at = memory, layout, at
        self.tid = memory.number(at + layout["runtime_tid"])
        self.count = memory.word(at + layout["runtime_tasks"])
        self.next = memory.word(at + layout["runtime_next"])
        backend = memory.word(at + layout["loop_backend"])
        self.backend = memory.string(
            memory.word(backend + layout["backend_name"]))

    def __str__(self):
        return "loop of thread %d (%s): %d task%s" % (
            self.tid, self.backend, self.count, "" if self.count == 1 else "s")

    def tasks(self):
        head = self.at + self.layout["runtime_all"]
        running = self.memory.word(self.at + self.layout["loop_current"])
        node = self.memory.word(head)
        for _ in range(TASKS_MOST):
            if node == head:
                return
            yield Task(self.memory, self.layout,
                       node - self.layout["task_in_runtime"], running)
            node = self.memory.word(node)


def loops():
    memory = Memory()
    root = Root(memory)
    at = root.first
    while at:
        loop = Loop(memory, root.layout, at)
        yield loop
        at = loop.next


def describe(pc):
    """The function around a return address, and its line where known."""
    at = pc - 1
    text = gdb.execute("info symbol %#x" % at, to_string=True).strip()
    if text.startswith("No symbol"):
        return "%#x" % pc
    name = text.split(" in section")[0].replace(" + ", "+")
    where = gdb.find_pc_line(at)
    if where.symtab:
        name += " at %s:%d" % (where.symtab.filename, where.line)
    return "%#x in %s" % (pc, name)


def print_trace(task):
    if task.running:
        print("    (it runs on its loop's thread: see that thread's bt)")
        return
    for number, pc in enumerate(task.frames()):
        print("    #%-2d %s" % (number, describe(pc)))


class Rota(gdb.Command):
    """rota: look at coroutines and tasks."""

    def __init__(self):
        super().__init__("rota", gdb.COMMAND_STATUS, prefix=True)


class RotaTasks(gdb.Command):
    """rota tasks: each task of each loop, and what it waits for."""

    def __init__(self):
        super().__init__("rota tasks", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        for loop in loops():
            print(loop)
            for task in loop.tasks():
                print("  %s" % task)


class RotaBt(gdb.Command):
    """rota bt [ID]: the backtrace of the task with this number, or of all."""

    def __init__(self):
        super().__init__("rota bt", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        wanted = argument.strip().lstrip("#")
        if wanted and not wanted.isdigit():
            raise gdb.GdbError("usage: rota bt [ID]")
        found = False
        for loop in loops():
            for task in loop.tasks():
                if wanted and task.id != int(wanted):
                    continue
                found = True
                print(task)
                print_trace(task)
        if wanted and not found:
            raise gdb.GdbError("there is no task #%s" % wanted)


Rota()
RotaTasks()
RotaBt()
