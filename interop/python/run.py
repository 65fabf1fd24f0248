"""Runs the suite and says how many tests passed and failed."""

import sys
import unittest

suite = unittest.defaultTestLoader.discover(".")
result = unittest.TextTestRunner(verbosity=2).run(suite)
failed = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
print(f"# pass {result.testsRun - failed}")
print(f"# fail {failed}")
sys.exit(failed > 0)
