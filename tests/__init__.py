"""Asserts inside tests/support explain themselves like those of the tests."""

import pytest

pytest.register_assert_rewrite("tests.support")
