"""Bytes to text: told by the file, overruled by a person, exact about a wrong byte."""

import pytest

from backoffice.imports.encoding import BLOCK, encoding_of
from backoffice.imports.read import FileRefused
from tests.imports.conftest import HEADER, counts, reasons

TEXT = "sku,náme\n1,žluťoučký kůň\n"
WESTERN = "sku,náme\n1,crème brûlée\n"


@pytest.fixture
def told(tmp_path):
    """The encoding of a file of those bytes."""

    def told(content, given=None):
        path = tmp_path / "file"
        path.write_bytes(content)
        return encoding_of(path, given)

    return told


class TestDetection:
    @pytest.mark.parametrize(
        ("content", "codec"),
        [
            (b"a,b\n1,2\n", "utf-8"),
            (TEXT.encode(), "utf-8"),
            (TEXT.encode("utf-8-sig"), "utf-8"),
            (TEXT.encode("utf-16"), "utf-16-le"),
            (TEXT.encode("utf-16-le"), "utf-16-le"),
            (TEXT.encode("utf-16-be"), "utf-16-be"),
            ("\ufeff".encode("utf-16-be") + TEXT.encode("utf-16-be"), "utf-16-be"),
            ("№;имя\n1;Ёлка зелёная\n".encode("utf-16-le"), "utf-16-le"),
            (TEXT.encode("utf-32"), "utf-32-le"),
            (WESTERN.encode("latin-1"), "latin-1"),
            ((WESTERN + "2,5 €\n").encode("cp1252"), "cp1252"),
            (b"a,\x81\xe9\n", "cp1252"),
            ("a,é\n".encode() * 3 + b"b,\xe9\n", "utf-8"),
        ],
    )
    def test_goes_by_the_bytes(self, told, content, codec):
        assert told(content) == codec

    def test_looks_at_the_whole_file(self, told):
        far = b"a,b\n" * BLOCK

        assert told(far + "1,é\n".encode()) == "utf-8"
        assert told(far + b"1,\xe9\n") == "latin-1"
        assert told("é\n".encode() * 100 + far + b"\xe9\n" * 3) == "utf-8"

    @pytest.mark.parametrize(
        ("given", "codec"),
        [
            ("utf-8-sig", "utf-8"),
            ("latin1", "latin-1"),
            ("windows-1252", "cp1252"),
            ("utf-16", "utf-16-le"),
        ],
    )
    def test_gives_way_to_what_a_person_says(self, told, given, codec):
        assert told(TEXT.encode("utf-16"), given) == codec


class TestText:
    @pytest.mark.parametrize(
        "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"]
    )
    def test_is_read_whatever_its_encoding_and_length(self, read, encoding):
        content = "é;b\n" + "1;ü\n" * BLOCK

        header, found = read(content.encode(encoding))

        assert header == ("é", "b")
        assert (len(found), found[-1]) == (BLOCK, (BLOCK + 1, ["1", "ü"]))

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le"])
    def test_is_read_without_a_mark_that_stands_there_twice(self, read, encoding):
        assert read("\ufeff\ufeffa,b\n1,2\n".encode(encoding))[0] == ("a", "b")

    def test_with_a_wrong_byte_refuses_the_row_by_line_column_and_byte(self, load, make, tmp_path):
        make.suppliers()
        rows = (HEADER + "A,Café,SUP1,1,1\nB,crème,SUP1,1,1\nC,Ünder,SUP1,1,1\n").encode()
        content = rows.replace("crème".encode(), b"cr\xe8me")
        rejects = tmp_path / "rejects.csv"

        report = load("products", content, skip_refused=True, rejects_file=rejects)

        assert counts(report) == (2, 0, 0, 1)
        assert reasons(report) == [
            (
                "line 3, column name: 'cr\\udce8me' holds a byte that is not UTF-8 (0xE8): type "
                "the character again, or name the file's encoding, as in --encoding cp1252"
            )
        ]
        assert b'\nB,cr\xe8me,SUP1,1,1,3,"name: ' in rejects.read_bytes()
        mended = rejects.read_bytes().replace(b"\xe8", "è".encode())
        assert counts(load("products", mended)) == (1, 0, 0, 0)

    def test_of_another_single_byte_encoding_is_not_taken_for_control_characters(self, load, make):
        make.suppliers()
        rows = (HEADER + "A,Müller,SUP1,1,1\nB,Bär,SUP1,1,1\n").encode("cp850")

        report = load("products", rows)

        assert counts(report)[3] == 1
        assert report.read_as == "Windows-1252 with commas"
        assert (
            "line 2, column name: 'M\\udc81ller' holds a byte that is not Windows-1252"
            in (reasons(report)[0])
        )
        assert counts(load("products", rows, encoding="cp850", dry_run=True)) == (2, 0, 0, 0)

    def test_with_a_wrong_byte_of_utf_16_refuses_the_file_by_line(self, read):
        content = "a,b\n1,2\n3,".encode("utf-16") + b"\x00\xd8" + "\n4,5\n".encode("utf-16-le")

        with pytest.raises(FileRefused, match=r"^line 3: a character here is not UTF-16 \(0x"):
            read(content)

    def test_with_a_wrong_byte_in_the_header_refuses_the_file(self, read):
        with pytest.raises(FileRefused, match=r"^line 1: the header holds a byte .*\(0xE9\)"):
            read(b"a,n\xe9\n1,2\n", encoding="utf-8")
        with pytest.raises(FileRefused, match=r"^line 1: the header .* not Windows-1252 \(0x81\)"):
            read(b"a,n\x81\xe9\n1,2\n")
