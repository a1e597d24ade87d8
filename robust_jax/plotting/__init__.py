"""Figures and tables; `style` defines how all figures look."""
