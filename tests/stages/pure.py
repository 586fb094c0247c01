"""The pure code, and the rules that no compiler checks."""
import os
import shutil

from .core import BACKGROUND, BUILD, CHECK, ROOT, Count, cmake, count_junit, count_tap, stage


def run_unit_tests(log, folder):
    report = CHECK / f'{folder}.xml'
    report.unlink(missing_ok=True)
    program = next((BUILD / folder).rglob('tenfold_unit'))
    code, _ = log.run(program, f'--gtest_output=xml:{report}')
    return count_junit(code, report)


# These wait for the daemon, which the longest stages wait for; ccache gives `unit` the pure code that it compiled.

@stage('GoogleTest on the pure code; needs no Postgres', needs=('daemon',), computes=True)
def unit(log):
    cmake(log, 'unit', targets=('tenfold_unit',))
    return run_unit_tests(log, 'unit')


@stage('the same under the address and undefined-behaviour sanitizers', needs=('daemon',), computes=True)
def sanitizers(log):
    build_checked(log, 'tenfold_unit')
    return run_unit_tests(log, 'checked')


@stage('every fuzzer for some seconds; each counts as one', needs=('daemon', 'sanitizers'), computes=True)
def fuzz(log):
    build_checked(log, 'all')
    fuzzers = sorted(path for path in (BUILD / 'checked').rglob('*_fuzz') if path.is_file())
    return sum((run_fuzzer(log, fuzzer) for fuzzer in fuzzers), Count())


def build_checked(log, target):
    """What is fuzzed and what the unit tests call is compiled once: by clang, with both sanitizers and the fuzzer's hooks."""
    compiler = next(filter(shutil.which, ('clang++-16', 'clang++-19')), 'clang++')
    cmake(log, 'checked', '-DTENFOLD_FUZZ=ON', f'-DCMAKE_CXX_COMPILER={compiler}', targets=(target,))


def run_fuzzer(log, fuzzer):
    """The corpus grows from run to run; an input that breaks something is kept beside it."""
    corpus = ROOT / '.run' / 'fuzz' / fuzzer.name
    corpus.mkdir(parents=True, exist_ok=True)
    seconds = os.environ.get('FUZZ_SECONDS', '5')
    seed = int('FUZZ_SECONDS' not in os.environ)  # 0: by chance
    code, _ = log.run(*BACKGROUND, fuzzer, f'-seed={seed}', f'-max_total_time={seconds}', '-timeout=10', f'-artifact_prefix={corpus}-',
                      corpus)
    return Count(int(code == 0), int(code != 0))


@stage('format, tidy, walls and names; each rule counts as one; wants the library built', needs=('extension',), computes=True)
def lint(log):
    return count_tap(*log.run(*BACKGROUND, 'dev/lint'))
