"""The program, with something made to happen at a failpoint: a signal, a full disk, a folder that vanishes."""

DRIVER = """
import os, shutil, sys
from exporter import failpoints
from jobs.cli import main

step, times, deed = sys.argv[1], int(sys.argv[2]), sys.argv[3]
left = times

def hook(reached):
    global left
    if reached == step:
        left -= 1
        if left == 0:
            if deed == "vanish":
                shutil.rmtree(os.environ["VANISHES"])
            elif deed == "full":
                raise OSError(28, "No space left on device")
            else:
                os.kill(os.getpid(), int(deed))

failpoints.hook = hook
sys.argv[1:] = sys.argv[4:]
main()
"""
