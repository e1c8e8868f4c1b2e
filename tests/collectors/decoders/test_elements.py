from __future__ import annotations

from collectors.decoders.elements import REVERSE, Kind, element


def test_the_registry_names_common_elements() -> None:
    assert element(0, 1).name == "octet_delta_count"
    assert element(0, 8).kind is Kind.IPV4
    assert element(0, 154).kind is Kind.MICROS
    assert element(0, 461).name == "http_request_target"


def test_a_biflow_element_is_the_forward_one_reversed() -> None:
    assert element(REVERSE, 1).name == "reverse_octet_delta_count"
    assert element(REVERSE, 1).kind is Kind.UINT


def test_unknown_elements_are_named_by_number_and_read_as_octets() -> None:
    assert element(6871, 40).name == "type_6871_40"
    assert element(6871, 40).kind is Kind.OCTETS
    assert element(REVERSE, 40_000 - 32_768).name == "type_29305_7232"
