"""Mutation testing of the security model: weaken one thing, and see whether a test notices.

mutants      enumerates small weakenings of a migrated database, from its catalogue
bodies       those inside functions: an ownership condition, a guard, a rate limit taken out
equivalent   those that nobody could tell from the original, each with its reason
database     a database of our own, and a clone of it for each mutant
suite        the tests of rlstests, collected once and run in a fork
runner       a control that changes nothing, then mutants, in parallel, within a time budget
report       the score and the survivors
"""
