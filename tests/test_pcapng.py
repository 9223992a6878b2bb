"""pcapng files: their bytes, and what other people's tools read from them."""

import io
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.pcapng import SNAPLEN, Interface, PcapngWriter

FRAME = bytes.fromhex("020000000001020000000002 0806") + bytes(46)
T0 = 5_000_000_123  # 5 s and 123 ns


def capture(stream: io.BytesIO) -> None:
    interfaces = [Interface("eth0", 100_000_000, "board", FRAME[:6]), Interface("nl0")]
    writer = PcapngWriter(stream, interfaces, hardware="sim")
    writer.packet(0, T0, FRAME, direction="in")
    writer.packet(1, T0 + 1, FRAME + b"x", direction="out", comments=["checksum spoilt", "zweiter Grüß"])
    writer.packet(0, T0 + 2, FRAME[:20], original_length=60)
    writer.statistics(0, 0, T0 + 10, dropped=3)


def written() -> bytes:
    stream = io.BytesIO()
    capture(stream)
    return stream.getvalue()


def blocks(data: bytes) -> list[tuple[int, bytes]]:
    found = []
    while data:
        kind, length = struct.unpack_from("<II", data)
        assert length % 4 == 0
        assert struct.unpack_from("<I", data, length - 4) == (length,)
        found.append((kind, data[8 : length - 4]))
        data = data[length:]
    return found


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "wire.pcapng"
    path.write_bytes(written())
    return path


def test_file_begins_with_section_header_then_interfaces() -> None:
    kinds = [kind for kind, _ in blocks(written())]
    assert kinds == [0x0A0D0D0A, 1, 1, 6, 6, 6, 5]


def test_same_capture_gives_the_same_bytes() -> None:
    assert written() == written()


def test_packet_block_carries_time_in_ns_and_direction() -> None:
    _, body = blocks(written())[3]
    interface, high, low, kept, length = struct.unpack_from("<IIIII", body)
    assert (interface, high << 32 | low, kept, length) == (0, T0, 60, 60)
    assert body[20:80] == FRAME
    assert body[80:88] == struct.pack("<HHI", 2, 4, 1)  # flags: inbound


def test_frame_longer_than_snaplen_is_cut_and_keeps_its_length() -> None:
    stream = io.BytesIO()
    PcapngWriter(stream, [Interface("eth0")]).packet(0, 1, bytes(SNAPLEN + 5))
    _, body = blocks(stream.getvalue())[-1]
    assert struct.unpack_from("<II", body, 12) == (SNAPLEN, SNAPLEN + 5)


def test_option_text_is_cut_at_a_whole_character() -> None:
    stream = io.BytesIO()
    PcapngWriter(stream, [Interface("eth0")]).packet(0, 1, b"", comments=["ü" * 40000])
    _, body = blocks(stream.getvalue())[-1]
    code, length = struct.unpack_from("<HH", body, 20)
    assert (code, length) == (1, 0xFFFE)


@pytest.mark.parametrize(("interface", "ns"), [(1, 5), (-1, 5), (0, -1), (0, 1 << 64)])
def test_packet_refuses_interface_and_time_the_file_cannot_hold(interface: int, ns: int) -> None:
    writer = PcapngWriter(io.BytesIO(), [Interface("eth0")])
    with pytest.raises(ValueError, match="pcapng:"):
        writer.packet(interface, ns, FRAME)


def test_scapy_reads_frames_times_and_interface_names(file: Path) -> None:
    scapy = pytest.importorskip("scapy.utils")
    packets = list(scapy.RawPcapNgReader(str(file)))
    assert [data for data, _ in packets] == [FRAME, FRAME + b"x", FRAME[:20]]
    assert [(meta.tshigh << 32 | meta.tslow, meta.tsresol) for _, meta in packets] == [
        (T0 + step, 10**9) for step in range(3)
    ]
    assert [meta.ifname for _, meta in packets] == [b"eth0", b"nl0", b"eth0"]
    assert packets[2][1].wirelen == 60


def test_tshark_reads_every_field_without_complaint(file: Path, run_tool: Callable[..., str]) -> None:
    fields = ["frame.time_epoch", "frame.interface_name", "frame.packet_flags_direction", "frame.len", "frame.comment"]
    out = run_tool("tshark", "-r", str(file), "-T", "fields", *[word for field in fields for word in ("-e", field)])
    lines = [line.split("\t") for line in out.splitlines()]
    assert [line[1] for line in lines] == ["eth0", "nl0", "eth0"]
    assert [int(line[2], 0) if line[2] else 0 for line in lines] == [1, 2, 0]
    assert [line[3] for line in lines] == ["60", "61", "60"]
    assert "000000123" in lines[0][0]
    assert lines[1][4] == "checksum spoilt,zweiter Grüß"


def test_capinfos_shows_precision_and_drop_count(file: Path, run_tool: Callable[..., str]) -> None:
    out = run_tool("capinfos", str(file))
    assert "nanoseconds" in out
    assert "Name = eth0" in out
    assert "Number of stat entries = 1" in out
    assert "Capture hardware:    sim" in out
