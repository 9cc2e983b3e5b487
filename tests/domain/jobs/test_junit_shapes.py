"""Reports in the shapes in which other programs than pytest write them."""
from __future__ import annotations

import pytest

from api.domain.jobs.junit_report import FailedTest, JobReport, read_report

SUREFIRE = b"""<?xml version="1.0" encoding="UTF-8"?>
<testsuite xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:noNamespaceSchemaLocation="s.xsd" version="3.0.2"
  name="org.example.SumTest" time="1.5" tests="4" errors="1" skipped="1" failures="1">
  <properties><property name="java.version" value="21"/></properties>
  <testcase name="adds" classname="org.example.SumTest" time="0.25"/>
  <testcase name="carries" classname="org.example.SumTest" time="0.5">
    <failure message="expected: &lt;3&gt; but was: &lt;4&gt;" type="o.AssertionFailedError"><![CDATA[at SumTest.java:9]]></failure>
    <system-out><![CDATA[adding]]></system-out>
    <rerunFailure message="again" type="x"/>
  </testcase>
  <testcase name="divides" classname="org.example.SumTest" time="0.75">
    <error type="java.lang.ArithmeticException"><![CDATA[java.lang.ArithmeticException: / by zero
	at org.example.Sum.divide(Sum.java:4)]]></error>
  </testcase>
  <testcase name="later" classname="org.example.SumTest" time="0"><skipped message="not yet"/></testcase>
  <testcase name="wavers" classname="org.example.SumTest" time="0"><flakyFailure message="once" type="x">a</flakyFailure></testcase>
</testsuite>
"""
JEST = """<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="jest tests" tests="2" failures="1" errors="1" time="0.9">
  <testsuite name="sums" errors="0" failures="1" skipped="0" timestamp="2026-01-01T00:00:00" time="0.5" tests="1">
    <testcase classname="sums › adds" name="sums › adds" time="0.125">
      <failure>Error: \x1b[2mexpect(\x1b[22mreceived\x1b[2m)\x1b[22m
    at sums.test.js:3:11</failure>
    </testcase>
  </testsuite>
  <testsuite name="broken.test.js" errors="1" failures="0" skipped="0" time="0" tests="1">
    <testcase classname="Test suite failed to run" name="broken.test.js" time="0"><error>SyntaxError: Unexpected token</error></testcase>
  </testsuite>
</testsuites>
""".encode()
GOOGLE_TEST = b"""<?xml version="1.0" encoding="UTF-8"?>
<testsuites tests="3" failures="1" disabled="1" errors="0" time="0.004" name="AllTests">
  <testsuite name="Sums" tests="3" failures="1" disabled="1" skipped="1" errors="0" time="0.003">
    <testcase name="Adds" file="sums.cc" line="5" status="run" result="completed" time="0.001" classname="Sums">
      <failure message="sums.cc:7&#x0A;Expected equality&#x0A;  1 + 1&#x0A;  3" type=""><![CDATA[sums.cc:7
Expected equality]]></failure>
      <failure message="sums.cc:8&#x0A;second" type=""></failure>
    </testcase>
    <testcase name="DISABLED_Later" status="notrun" result="suppressed" time="0." classname="Sums" />
    <testcase name="NotHere" status="run" result="skipped" time="0." classname="Sums"><skipped message="sums.cc:12"/></testcase>
  </testsuite>
</testsuites>
"""
PHPUNIT = b"""<?xml version="1.0" encoding="UTF-8"?>
<testsuites>
  <testsuite name="default" tests="3" assertions="2" errors="1" failures="1" skipped="0" time="0.010">
    <testsuite name="SumTest" file="/app/SumTest.php" tests="3" assertions="2" errors="1" failures="1" skipped="0" time="0.010">
      <testsuite name="SumTest::testAdds" tests="2" assertions="2" errors="0" failures="1" skipped="0" time="0.006">
        <testcase name="testAdds with data set #0" class="SumTest" classname="SumTest" time="0.004"/>
        <testcase name="testAdds with data set #1" class="SumTest" classname="SumTest" time="0.002">
          <failure type="PHPUnit\\Framework\\ExpectationFailedException">Failed asserting that 5 matches 4.

/app/SumTest.php:9</failure>
        </testcase>
      </testsuite>
      <testcase name="testDivides" class="SumTest" classname="SumTest" time="0.004">
        <error type="DivisionByZeroError">DivisionByZeroError: Division by zero</error>
      </testcase>
    </testsuite>
  </testsuite>
</testsuites>
"""
GO = b"""<?xml version="1.0" encoding="UTF-8"?>
<testsuites tests="2" failures="1" errors="1" skipped="1">
	<testsuite name="example.org/sums" tests="2" failures="1" errors="0" id="0" hostname="h" skipped="1" time="0.002">
		<testcase name="TestAdds" classname="example.org/sums" time="0.001">
			<failure message="Failed"><![CDATA[    sums_test.go:7: want 3, got 4]]></failure>
		</testcase>
		<testcase name="TestLater" classname="example.org/sums" time="0.000"><skipped message="not here"></skipped></testcase>
	</testsuite>
	<testsuite name="example.org/broken" tests="1" failures="0" errors="1" id="1" time="0.000">
		<testcase name="[build failed]" classname="example.org/broken" time="0.000">
			<error message="Build error"><![CDATA[broken/broken.go:3:1: syntax error]]></error>
		</testcase>
	</testsuite>
</testsuites>
"""
PREFIXED = b"""<?xml version="1.0"?>
<j:testsuites xmlns:j="https://example.org/junit"><j:testsuite name="s"><j:testcase name="a" classname="c">
<j:failure>no</j:failure></j:testcase><j:testcase name="b"><j:skipped/></j:testcase></j:testsuite></j:testsuites>
"""
REPORTS = {
    "surefire": (SUREFIRE, JobReport(5, 1, 1, 1, 1.5, [
        FailedTest("carries", "org.example.SumTest", "expected: <3> but was: <4>"),
        FailedTest(
            "divides", "org.example.SumTest", "java.lang.ArithmeticException: / by zero\n\tat org.example.Sum.divide(Sum.java:4)")])),
    "jest": (JEST, JobReport(2, 1, 1, 0, 0.125, [
        FailedTest("sums › adds", "sums › adds", "Error: expect(received)\n    at sums.test.js:3:11"),
        FailedTest("broken.test.js", "Test suite failed to run", "SyntaxError: Unexpected token")])),
    "google test": (GOOGLE_TEST, JobReport(3, 1, 0, 2, 0.001, [
        FailedTest("Adds", "Sums", "sums.cc:7\nExpected equality\n  1 + 1\n  3")])),
    "phpunit": (PHPUNIT, JobReport(3, 1, 1, 0, 0.01, [
        FailedTest("testAdds with data set #1", "SumTest", "Failed asserting that 5 matches 4.\n\n/app/SumTest.php:9"),
        FailedTest("testDivides", "SumTest", "DivisionByZeroError: Division by zero")])),
    "go-junit-report": (GO, JobReport(3, 1, 1, 1, 0.001, [
        FailedTest("TestAdds", "example.org/sums", "sums_test.go:7: want 3, got 4"),
        FailedTest("[build failed]", "example.org/broken", "broken/broken.go:3:1: syntax error")])),
    "with a prefix": (PREFIXED, JobReport(2, 1, 0, 1, 0.0, [FailedTest("a", "c", "no")])),
}


@pytest.mark.parametrize("program", REPORTS)
def test_a_report_in_the_shape_of_another_program_is_read(program: str) -> None:
    content, expected = REPORTS[program]

    assert read_report([content]) == expected


@pytest.mark.parametrize("program", REPORTS)
def test_a_report_that_is_cut_off_anywhere_loses_nothing_that_stood_before(program: str) -> None:
    content, expected = REPORTS[program]
    # Behind the last case only the ends of suites follow.
    end = content.rindex(b"testcase") + len(b"testcase>")

    cut = read_report([content[:end]])

    assert (cut.tests, cut.failures, cut.errors, cut.skipped) == (expected.tests, expected.failures, expected.errors, expected.skipped)
    assert (cut.failed, cut.complete) == (expected.failed, False)
