"""The tables of one unit that only `evaluation: full` fills."""

from __future__ import annotations

from tasks.report.cells import PROBES, Cell, Table, beside, name_cell, scored
from tasks.report.embedded import csv_uri
from tasks.report.facts import UnitFacts, records
from tasks.report.text import number, share


def full_tables(unit: UnitFacts) -> tuple[Table, ...]:
    """What foreign concepts blocks tell, beside the dependence of the concepts; and the critic's nats."""
    return (conditional_table(unit), critic_table(unit))


def conditional_table(unit: UnitFacts) -> Table:
    """Foreign concepts read from a block by readers who know its own concept."""
    table = unit.tables["conditional"]
    rows = tuple(
        (
            name_cell(row["block"]),
            name_cell(row["concept"]),
            Cell(PROBES.get(row["probe"], row["probe"]), "name"),
            scored(share(row["accuracy"]), beside({**row, "chance": None, "control": None})),
            Cell(share(row["chance"])),
            Cell(share(row["control"])),
            scored(share(row["v_information"]), beside(row, "v_information_")),
            Cell(share(row["dependence"])),
        )
        for row in records(table)
    )
    head = ("block", "foreign concept", "probe", "with the block", "without it", "with another row's", "V")
    note = (
        "Each reader knows the block's own concept. Without the block it reads as much of the foreign one as "
        "the two concepts depend on one another in the data (last column: Cramér's V, 0 independent, 1 one "
        "determines the other). Only what it reads more with the block leaks; a block of another row of the "
        "same class is the control."
    )
    caption = "Leakage beyond correlated concepts"
    return Table(caption, (*head, "concepts' own"), rows, note, csv_uri(table), unit.unit.budget == "short")


def critic_table(unit: UnitFacts) -> Table:
    """What all other blocks together tell of a concept, in nats."""
    table = unit.tables["critic"]
    rows = tuple(
        (
            name_cell(row["concept"]),
            scored(number(row["nats"], 3), beside(row)),
            Cell(number(row["p_value"], 3)),
            Cell(number(row["cap"], 1)),
        )
        for row in records(table)
    )
    note = (
        "A lower bound on what all blocks but the concept's own tell of it, from a critic that learns which "
        "pairs share it; in nats, at most the bound. It uses no label beyond which rows make a pair."
    )
    head = ("concept", "leak in nats", "p", "bound")
    return Table("The pair critic's leak", head, rows, note, csv_uri(table), unit.unit.budget == "short")
