"""Files as they come: encodings, dialects, quotes, lines."""

import json
import re

import pytest

from backoffice.imports.read import FileRefused, open_source, rows
from tests.conftest import SHARED


@pytest.fixture
def read(tmp_path):
    """Reads bytes as a file and returns header and rows."""

    def read(content, **chosen):
        path = tmp_path / "file.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        source = open_source(path, name="file.csv", **chosen)
        return source.header, list(rows(source))

    return read


class TestReading:
    def test_tells_physical_lines_past_empty_ones_and_newlines_in_cells(self, read):
        header, found = read('a,b\n\n"x\ny",1\r\n"",2\n3,4')

        assert header == ("a", "b")
        assert found == [(3, ["x\ny", "1"]), (5, ["", "2"]), (6, ["3", "4"])]

    @pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
    def test_takes_every_kind_of_newline(self, read, newline):
        assert read(newline.join(["a,b", "1,2", "3,4"]))[1] == [(2, ["1", "2"]), (3, ["3", "4"])]

    @pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
    def test_tells_the_delimiter_by_the_header(self, read, delimiter):
        assert read(f"a{delimiter}b\n1{delimiter}2\n")[1] == [(2, ["1", "2"])]

    @pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
    def test_takes_the_encoding_that_is_named(self, read, encoding):
        header, found = read("é,b\n1,ü\n".encode(encoding), encoding=encoding)

        assert (header, found) == (("é", "b"), [(2, ["1", "ü"])])

    @pytest.mark.parametrize(
        ("content", "says"),
        [
            (b"", "line 1: the file is empty"),
            (b"a,b\n1,2\n3,\xe9\n", "line 3: not valid UTF-8: .*--encoding"),
            (b"\xff\xfea\x00", "line 1: not valid UTF-8"),
            (b"PK\x03\x04\x00\x00", "line 1: this is not text"),
            (b'a,b\n1,2\n3,"open\n4,5\n', "line 3: a quote opens here .*never closed"),
            (b'a,b\n1,"x " y"\n', "line 2: a quote stands inside a quoted cell"),
        ],
    )
    def test_refuses_in_one_line_what_would_be_guesswork(self, read, content, says):
        with pytest.raises(FileRefused, match=f"^{says}"):
            read(content)


class TestCollections:
    """Other people's collections of odd files: read as they say, or refused in one line."""

    @pytest.mark.parametrize(
        "file",
        [
            file
            for file in sorted(SHARED.glob("csv_spectrum/csvs/*.csv"))
            if file.stem != "location_coordinates"  # its expected figures are of another file
        ],
        ids=lambda file: file.stem,
    )
    def test_csv_spectrum_is_read_as_expected(self, file):
        expected = json.loads((file.parents[1] / "json" / f"{file.stem}.json").read_bytes())

        source = open_source(file, name=file.name)
        found = [dict(zip(source.header, cells, strict=True)) for _, cells in rows(source)]

        # Its newlines_crlf.json has LF inside the cell where the file has CRLF.
        assert _plain(found) == _plain(expected)

    @pytest.mark.parametrize(
        "file", sorted(SHARED.glob("csv_test_data/csv/bad-*.csv")), ids=lambda file: file.stem
    )
    def test_csv_test_data_that_is_bad_is_refused_in_lines(self, load, file):
        try:
            report = load("products", file, maps=("foo=sku", "bar=name"))
        except FileRefused as refusal:
            complaints = [str(refusal)]
        else:
            complaints = list(map(str, report.rejects))

        assert complaints
        assert all(re.fullmatch(r"line \d.*: .*", complaint) for complaint in complaints)

    @pytest.mark.parametrize(
        "file",
        [
            file
            for file in sorted(SHARED.glob("csv_test_data/csv/*.csv"))
            # The last two consist of empty lines, which are rows there and none here.
            if not file.stem.startswith("bad-")
            and file.stem not in {"all-empty", "empty-one-column"}
        ],
        ids=lambda file: file.stem,
    )
    def test_csv_test_data_that_is_good_is_read_as_expected(self, read, file):
        expected = json.loads((file.parents[1] / "json" / f"{file.stem}.json").read_bytes())

        if file.stem.startswith("header-"):
            header, found = read(file.read_bytes())
            found = [dict(zip(header, cells, strict=True)) for _, cells in found]
        else:  # it has no header, so it is lent one
            header = ",".join("h" * len(expected[0]))
            found = [cells for _, cells in read(header.encode() + b"\n" + file.read_bytes())[1]]

        assert found == expected


def _plain(found):
    return [{k: v.replace("\r\n", "\n") for k, v in row.items()} for row in found]
