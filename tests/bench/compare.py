#!/usr/bin/env python3
"""What sipcodes costs beside other programs that read the same captures: CPU and wall time, peak memory, and ratios.

    cargo build --release
    tests/bench/compare.py [--runs N] CAPTURE...

Each program that is installed (capinfos, tcpdump and tshark are looked for) reads each capture in turn, A B C A B C,
so that a machine that slows down slows down all of them; told are the medians. `--than PROGRAM` adds a command of
your own, with `{}` where the capture belongs. Only the ratios mean something on another machine.
"""
import argparse
import os
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SIPCODES = os.path.join(HERE, '..', '..', 'target', 'release', 'sipcodes')
GNU_TIME = shutil.which('time')
OTHERS = [
    ('capinfos -c', 'capinfos -c {}'),
    ('tcpdump -w /dev/null', 'tcpdump -r {} -w /dev/null'),
    ('tshark -z sip,stat', 'tshark -n -q -z sip,stat -r {}'),
    ('tshark -z rtp,streams', 'tshark -n -q -z rtp,streams -r {}'),
]


def measured(command):
    """CPU and wall time in seconds and peak memory in MiB of one run."""
    # The peak that wait4 tells is no less than that of this interpreter, so a small program between tells it.
    said = tempfile.NamedTemporaryFile('r')
    command = [GNU_TIME, '-o', said.name, '-f', '%M', *command] if GNU_TIME else command
    started = time.monotonic()
    program = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(program.pid, 0)
    wall = time.monotonic() - started
    program.returncode = os.waitstatus_to_exitcode(status)
    if program.returncode not in (0, 3):
        sys.exit(f'{shlex.join(command)}: exit status {program.returncode}')
    peak = int(said.read().split()[-1]) / 1024 if GNU_TIME else float('nan')
    return usage.ru_utime + usage.ru_stime, wall, peak


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('captures', nargs='+', metavar='CAPTURE')
    parser.add_argument('--runs', type=int, default=3)
    parser.add_argument('--bin', default=SIPCODES, help='the sipcodes to measure')
    parser.add_argument('--than', action='append', default=[], metavar='PROGRAM')
    parser.add_argument('--without', action='append', default=[], metavar='NAME', help='leave a program out')
    options = parser.parse_args()

    program = shlex.quote(options.bin)
    contestants = [
        ('sipcodes --threads 1', f'{program} analyze -q --threads 1 --format ndjson {{}}'),
        ('sipcodes --threads 2', f'{program} analyze -q --threads 2 --format ndjson {{}}'),
        ('sipcodes --threads 1, CSV', f'{program} analyze -q --threads 1 --format csv {{}}'),
    ]
    contestants += [(command, command) for command in options.than]
    contestants += [(name, command) for name, command in OTHERS if shutil.which(command.split()[0])]
    contestants = [(name, command) for name, command in contestants if name not in options.without]

    print('| capture | program | CPU s | wall s | peak MiB | CPU ratio |')
    print('|---|---|---:|---:|---:|---:|')
    for capture in options.captures:
        with open(capture, 'rb') as file:  # into the page cache, so that no disk is measured
            while file.read(1 << 20):
                pass
        runs = {name: [] for name, _ in contestants}
        for _ in range(options.runs):
            for name, command in contestants:
                runs[name].append(measured([word.replace('{}', capture) for word in shlex.split(command)]))
        base = None
        for name, _ in contestants:
            cpu, wall, peak = (statistics.median(column) for column in zip(*runs[name]))
            base = base or cpu
            print(f'| {os.path.basename(capture)} | {name} | {cpu:.3f} | {wall:.3f} | {peak:.1f} | {cpu / base:.2f} |',
                  flush=True)


if __name__ == '__main__':
    main()
