"""The version, in one place that costs no import."""

VERSION = "0.1.0"
