"""Run Modal apps on machines you own. The work is done by the `bimodal` program that this package carries."""
