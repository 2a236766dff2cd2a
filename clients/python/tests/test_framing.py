import unittest

from berth._framing import FrameReader, FramingError, frame

BODIES = [b"{}", '{"text":"höher ✓ \U0001f6a2"}'.encode(), b"", b"\r\n\r\n", b"x" * 5000]


class FramingTests(unittest.TestCase):
    def test_messages_are_found_wherever_the_bytes_are_cut(self) -> None:
        stream = b"".join(frame(body) for body in BODIES)
        for cut in range(len(stream)):
            reader = FrameReader()
            bodies = reader.feed(stream[:cut]) + reader.feed(stream[cut:])
            self.assertEqual(bodies, BODIES, f"cut at {cut}")

    def test_messages_are_found_byte_by_byte(self) -> None:
        reader = FrameReader()
        stream = b"".join(frame(body) for body in BODIES)
        self.assertEqual([body for byte in stream for body in reader.feed(bytes([byte]))], BODIES)

    def test_header_names_may_be_of_any_case_and_in_company(self) -> None:
        data = b"content-LENGTH :  2 \r\nContent-Type: application/json\r\n\r\n{}"
        self.assertEqual(FrameReader().feed(data), [b"{}"])

    def test_a_faulty_header_block_is_refused(self) -> None:
        for block in [
            b"Content-Length: -1\r\n\r\n",
            b"Content-Length: 99999999999999999999\r\n\r\n",
            b"Content-Length: 9999999999\r\n\r\n",
            b"Content-Length: two\r\n\r\n",
            b"Content-Type: text\r\n\r\n",
            b"no colon\r\n\r\n",
            b"\r\n\r\n",
            b"X: " + b"y" * 9000,
        ]:
            with self.subTest(block[:40]), self.assertRaises(FramingError):
                FrameReader().feed(block)
