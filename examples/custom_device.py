"""A device of one's own and its driver: hardware model, interrupt handler, work on LPWORK, a program that reads.

docs/driver.md walks through it.
"""

from board import Board
from kernel.clock import Event

IRQ_ADC = 6
PERIOD_NS = 1_000_000  # one sample a millisecond


class Adc:
    """The hardware: a free-running converter with one data register. It knows no kernel."""

    def __init__(self, board):
        self.clock = board.bench.clock
        self.line = board.irq_line(IRQ_ADC)
        self.event = Event(self.clock, self._sampled)
        self.count = self.data = self.overruns = 0
        self.ready = False

    def start(self):
        self.event.at(self.clock.now_ns + PERIOD_NS)

    def _sampled(self):
        self.count += 1
        self.overruns += self.ready
        self.data, self.ready = self.count * self.count % 1024, True
        self.line.set(True)
        if self.count < 10:
            self.event.at(self.clock.now_ns + PERIOD_NS)

    def read(self):
        self.ready = False
        self.line.set(False)
        return self.data


class AdcDriver:
    """What a NuttX driver does: the handler masks its line and queues work, the work reads and unmasks."""

    def __init__(self, sys, adc):
        self.sys, self.adc = sys, adc
        self.samples = []
        self.available = sys.semaphore()
        self.work = sys.work("adc")
        sys.kernel.irqs.attach(IRQ_ADC, self.interrupt, name="adc_interrupt")
        sys.kernel.irqs.enable(IRQ_ADC)
        adc.start()

    def interrupt(self, irq, arg):
        self.sys.kernel.irqs.disable(irq)
        self.sys.work_queue(self.sys.LPWORK, self.work, self.receive)

    def receive(self, arg):
        self.samples.append(self.adc.read())
        self.available.post()
        self.sys.kernel.irqs.enable(IRQ_ADC)


def make_program(adc):
    def program(sys):
        driver = AdcDriver(sys, adc)
        for _ in range(10):
            driver.available.wait()
            sys.print(f"{(sys.now - 1) * 1e3:7.3f} ms  sample {driver.samples[-1]}")
        sys.print(f"{adc.overruns} overruns, {driver.sys.kernel.irqs.table()[-1][3]} interrupts")

    return program


if __name__ == "__main__":
    with Board("stm32f7") as b:
        b.boot()
        console = b.console.open()
        console.read_until(b"nsh> \x1b[K")
        b.spawn(make_program(Adc(b)), name="adc_read", priority=150)
        b.run(0.2)
        print(console.read(console.in_waiting).decode().replace("\r", ""))
