"""if, while and until: which commands of a script are run (nshlib/nsh_parse.c).

NSH has no syntax tree. Every command passes through here on its way; keywords change the state, and the state says
whether the command is for running, for skipping, or the condition that somebody waits for. An error in the nesting
throws all of it away.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto

CONTEXT = "not valid in this context"
NESTING = "nesting too deep"
ARGINVALID = "argument invalid"


class ControlError(Exception):
    """A keyword where none belongs; the text is what NSH prints about it, without line end."""

    def __init__(self, keyword: str, what: str) -> None:
        super().__init__(f"nsh: {keyword}: {what}")


class If(Enum):
    """Where in an if a script is."""

    OUTSIDE = auto()
    CONDITION = auto()
    THEN = auto()
    ELSE = auto()


class Loop(Enum):
    """Where in a loop a script is."""

    OUTSIDE = auto()
    WHILE = auto()
    UNTIL = auto()
    BODY = auto()


@dataclass
class IfLevel:
    """One if. ``failed``: its condition did; ``skipped``: all of it is inside of something that is not run."""

    state: If = If.OUTSIDE
    skipped: bool = False
    failed: bool = False
    inverted: bool = False


@dataclass
class LoopLevel:
    """One loop. ``top``: where in the script it begins; ``ifs``: how many ifs were open there."""

    state: Loop = Loop.OUTSIDE
    enabled: bool = True
    top: int = 0
    ifs: int = 0


@dataclass
class Control:
    """The nesting of one shell, at most ``nestdepth`` deep, the outermost level included (CONFIG_NSH_NESTDEPTH).

    ``jump``: where a loop that just ended wants its script to go on, if anywhere.
    """

    nestdepth: int
    ifs: list[IfLevel] = field(default_factory=lambda: [IfLevel()])
    loops: list[LoopLevel] = field(default_factory=lambda: [LoopLevel()])
    jump: int | None = None

    @property
    def enabled(self) -> bool:
        """Whether commands are run here."""
        loop, level = self.loops[-1], self.ifs[-1]
        if loop.state is Loop.BODY and not loop.enabled:
            return False
        if level.skipped:
            return False
        return not ((level.state is If.THEN and level.failed) or (level.state is If.ELSE and not level.failed))

    def condition(self, failed: bool) -> bool:
        """Takes the result of a command if it is the condition of something; whether it was."""
        loop, level = self.loops[-1], self.ifs[-1]
        if loop.state in (Loop.WHILE, Loop.UNTIL):
            loop.enabled = failed == (loop.state is Loop.UNTIL)
            return True
        if level.state is If.CONDITION:
            level.failed = failed != level.inverted
            return True
        return False

    # Loops

    def begin_loop(self, keyword: str, top: int) -> None:
        """``while`` or ``until``; ``top``: its place in the script. Raises ControlError."""
        if self.ifs[-1].state is If.CONDITION or self.loops[-1].state in (Loop.WHILE, Loop.UNTIL):
            raise self.lose_loops(keyword, CONTEXT)
        if len(self.loops) >= self.nestdepth:
            raise self.lose_loops(keyword, NESTING)
        state = Loop.WHILE if keyword == "while" else Loop.UNTIL
        self.loops.append(LoopLevel(state, self.enabled, top, len(self.ifs)))

    def do(self) -> None:
        """``do``. Raises ControlError."""
        if self.loops[-1].state not in (Loop.WHILE, Loop.UNTIL):
            raise self.lose_loops("do", CONTEXT)
        self.loops[-1].state = Loop.BODY

    def done(self) -> None:
        """``done``: sets ``jump`` if the loop goes on. Raises ControlError."""
        if self.loops[-1].state is not Loop.BODY:
            raise self.lose_loops("done", CONTEXT)
        loop = self.loops.pop()
        if loop.enabled:
            self.jump = loop.top

    def leave_loop(self) -> None:
        """``break``: nothing up to ``done`` is run."""
        loop = self.loops[-1]
        if loop.state is Loop.BODY:
            del self.ifs[loop.ifs :]
            loop.enabled = False

    def in_loop_condition(self) -> bool:
        """Whether only ``do`` may come."""
        return self.loops[-1].state in (Loop.WHILE, Loop.UNTIL)

    def lose_loops(self, keyword: str, what: str) -> ControlError:
        """Forgets all loops; returns the error to raise."""
        self.loops = [LoopLevel()]
        self.jump = None
        return ControlError(keyword, what)

    # Ifs

    def begin_if(self, inverted: bool) -> None:
        """``if``, or ``if !``. Raises ControlError."""
        if self.ifs[-1].state is If.CONDITION:
            raise self.lose_ifs("if", CONTEXT)
        if len(self.ifs) >= self.nestdepth:
            raise self.lose_ifs("if", NESTING)
        self.ifs.append(IfLevel(If.CONDITION, not self.enabled, False, inverted))

    def then(self) -> None:
        """``then``. Raises ControlError."""
        if self.ifs[-1].state is not If.CONDITION:
            raise self.lose_ifs("then", CONTEXT)
        self.ifs[-1].state = If.THEN

    def otherwise(self) -> None:
        """``else``. Raises ControlError."""
        if self.ifs[-1].state is not If.THEN:
            raise self.lose_ifs("else", CONTEXT)
        self.ifs[-1].state = If.ELSE

    def fi(self) -> None:
        """``fi``. Raises ControlError."""
        if self.ifs[-1].state not in (If.THEN, If.ELSE):
            raise self.lose_ifs("fi", CONTEXT)
        self.ifs.pop()

    def in_if_condition(self) -> bool:
        """Whether only ``then`` may come."""
        return self.ifs[-1].state is If.CONDITION

    def lose_ifs(self, keyword: str, what: str) -> ControlError:
        """Forgets all ifs; returns the error to raise."""
        self.ifs = [IfLevel()]
        return ControlError(keyword, what)
