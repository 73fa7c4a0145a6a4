"""The device profiles are complete, and an unknown name offers the known ones."""

from __future__ import annotations

import re

import pytest

from edgekiln.core.errors import UserError
from edgekiln.profiles import all_profiles, load_profile


def test_the_first_profiles_are_there() -> None:
    runtimes = {profile.name: profile.runtime for profile in all_profiles()}
    assert runtimes["this-computer"] == "litert 2.3.0"
    assert runtimes["rdk-x3"] == "tflite-runtime 2.13.0"
    assert runtimes["rdk-x5"] == "tflite-runtime 2.14.0"
    assert runtimes["atlas-200i-dk-a2"] == "tflite-runtime 2.14.0"


def test_this_computer_comes_first() -> None:
    assert all_profiles()[0].name == "this-computer"


@pytest.mark.parametrize("profile", all_profiles(), ids=lambda p: p.name)
def test_every_profile_can_be_used(profile) -> None:
    assert re.fullmatch(r"(litert|tflite-runtime) \d+\.\d+\.\d+", profile.runtime)
    assert profile.data_dir.startswith(("/", "~"))
    assert profile.title
    assert profile.addresses


@pytest.mark.parametrize("name", ["rdk-x3", "rdk-x5", "atlas-200i-dk-a2"])
def test_a_board_says_that_only_its_arm_cores_are_used(name: str) -> None:
    profile = load_profile(name)
    assert profile.arch == "aarch64"
    assert "ARM" in profile.note
    assert "not used" in profile.note


def test_an_unknown_name_offers_the_known_ones() -> None:
    with pytest.raises(UserError) as caught:
        load_profile("rdk-x9")
    assert caught.value.choices == tuple(p.name for p in all_profiles())
    assert "rdk-x9" in str(caught.value)


@pytest.mark.parametrize("name", ["", "../rdk-x5", "RDK-X5"])
def test_a_name_is_never_a_path(name: str) -> None:
    with pytest.raises(UserError):
        load_profile(name)
