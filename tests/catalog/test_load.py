"""Loading: a user's folder over ours, and files that are no catalogue files at all."""

import csv
import io
from contextlib import suppress

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

import forkpoint as fp
from forkpoint.catalog import DATA, FILES, Accelerator, catalog, check_file, read_records
from forkpoint.errors import DataError, ForkpointError, InputError, UnknownName

TEXT = {file: (DATA / file).read_text(encoding="utf-8") for file in FILES}


def rows_of(file, **changes):
    """The first row of a shipped file with some cells changed, as a file of its own."""
    reader = csv.DictReader(io.StringIO(TEXT[file]))
    row = next(reader) | changes
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(row), lineterminator="\n")
    writer.writeheader()
    writer.writerow(row)
    return stream.getvalue()


def test_the_counts_of_what_ships():
    known = catalog()
    assert len(known.accelerators) >= 239
    assert len(known.language_models) >= 96
    assert len(known.observations) >= 1048
    assert {c.iso2 for c in known.countries} >= {"CN", "MO", "AE", "US"}
    assert catalog() is catalog()


def test_the_public_verb_is_not_hidden_by_the_room_of_its_name():
    assert fp.catalog().accelerators == catalog().accelerators


def test_a_users_row_overrides_ours_by_key_and_another_extends(tmp_path):
    own = rows_of("accelerators.csv", id="nvidia-h20-sxm-96gb", name="My H20", fp16_tflops="150")
    own += rows_of("accelerators.csv", id="me-1", name="Own One", name_zh="自研一号").splitlines()[1] + "\n"
    (tmp_path / "accelerators.csv").write_text(own, encoding="utf-8")
    known = catalog(tmp_path)
    assert known.accelerators["nvidia-h20-sxm-96gb"].fp16_tflops == 150
    assert len(known.accelerators) == len(catalog().accelerators) + 1
    assert known.accelerator("自研一号").id == known.accelerator("own one").id == "me-1"
    assert known.events == catalog().events
    assert catalog().accelerators["nvidia-h20-sxm-96gb"].fp16_tflops == 148


def test_the_environment_names_the_folder(tmp_path, monkeypatch):
    (tmp_path / "accelerators.csv").write_text(rows_of("accelerators.csv", id="me-1"), encoding="utf-8")
    monkeypatch.setenv("FORKPOINT_CATALOG", str(tmp_path))
    assert "me-1" in catalog().accelerators


def test_a_folder_that_holds_nothing_of_ours_is_refused(tmp_path):
    with pytest.raises(InputError, match="holds none of"):
        catalog(tmp_path)
    with pytest.raises(InputError, match="does not exist"):
        catalog(tmp_path / "none")


def test_an_error_names_file_row_column_value_and_what_was_expected(tmp_path):
    (tmp_path / "accelerators.csv").write_text(rows_of("accelerators.csv", segment="datacentre"), encoding="utf-8")
    with pytest.raises(DataError) as raised:
        _ = catalog(tmp_path).accelerators
    message = str(raised.value)
    for part in ("accelerators.csv", "row 1", "'segment'", "'datacentre'", "'datacenter'"):
        assert part in message


def test_every_wrong_cell_is_reported_not_only_the_first():
    text = rows_of("accelerators.csv", segment="x", mem_gb="-1", release_date="soon", quality="")
    _, errors = check_file("accelerators.csv", text=text)
    assert [e.column for e in errors] == ["release_date", "segment", "mem_gb", "quality"]


def test_a_key_that_stands_twice_is_an_error():
    text = TEXT["events.csv"]
    _, errors = check_file("events.csv", text=text + text.splitlines()[1] + "\n")
    assert "row 1 has the same key" in str(errors[0])


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "empty"),
        ("\n\n", "empty"),
        ("id,name\n", "must be there"),
        ("id,id\n", "stands twice"),
        ("ids,name\n", "no column is called 'ids'; did you mean id?"),
        ('id,"name\n', "not valid CSV"),
    ],
)
def test_files_that_are_no_tables(text, part):
    with pytest.raises(InputError, match="accelerators") as raised:
        read_records("accelerators.csv", text=text)
    assert part in str(raised.value)


def test_rows_that_are_longer_or_shorter_than_the_header():
    for row, part in (("1,2" + "," * 60, "more cells"), ("1,2", "fewer cells")):
        text = TEXT["accelerators.csv"].splitlines()[0] + "\n" + row + "\n"
        with pytest.raises(InputError, match=part):
            read_records("accelerators.csv", text=text)


def test_a_line_of_ten_megabytes_ends_in_a_sentence():
    text = rows_of("accelerators.csv", notes="x" * 10_000_000)
    with pytest.raises(InputError, match="is not valid CSV: field larger"):
        read_records("accelerators.csv", text=text)


def test_another_files_name():
    with pytest.raises(UnknownName, match="did you mean accelerators"):
        read_records("acelerators.csv", text="")


def test_bytes_that_are_no_text(tmp_path):
    path = tmp_path / "accelerators.csv"
    path.write_bytes("id,name\n寒武纪\n".encode("gb18030"))
    with pytest.raises(InputError, match="not UTF-8"):
        read_records(path)
    path.write_bytes(b"\xef\xbb\xbf" + TEXT["accelerators.csv"].encode())
    assert len(read_records(path)) == len(catalog().accelerators)


@settings(max_examples=150)
@given(st.sampled_from(sorted(Accelerator.model_fields)), st.text(max_size=30))
def test_any_text_in_any_cell_ends_in_a_record_or_a_sentence(column, text):
    try:
        found, errors = check_file("accelerators.csv", text=rows_of("accelerators.csv", **{column: text}))
    except ForkpointError as error:
        event(type(error).__name__)
        return
    assert bool(found) != bool(errors)
    assert all(e.column == column for e in errors)


@settings(max_examples=150)
@given(st.text(max_size=300))
def test_any_text_as_a_file_ends_in_a_sentence(text):
    with pytest.raises(ForkpointError):
        read_records("accelerators.csv", text=text)


@settings(max_examples=60)
@given(st.integers(0, 3000), st.integers(0, 200), st.text(max_size=5))
def test_damage_to_a_real_file_never_escapes_as_another_error(start, length, patch):
    text = TEXT["events.csv"][:6000]
    with suppress(ForkpointError):
        check_file("events.csv", text=text[:start] + patch + text[start + length :])
