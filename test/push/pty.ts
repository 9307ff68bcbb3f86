// A wire between two serial devices for tests: two pseudo terminals, their other ends joined by a few lines of Python.

import { spawn, spawnSync } from "node:child_process"
import { createInterface } from "node:readline"

/** Two devices; what goes into one comes out of the other. */
export interface Wire {
    readonly board: string
    readonly sender: string
    close(this: void): void
}

const BRIDGE = `
import os, pty, select, sys, threading, tty
ends = [pty.openpty() for _ in range(2)]
for master, slave in ends: tty.setraw(slave)
print(" ".join(os.ttyname(slave) for _, slave in ends), flush=True)
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
other = {ends[0][0]: ends[1][0], ends[1][0]: ends[0][0]}
while True:
    for end in select.select(list(other), [], [])[0]:
        data = os.read(end, 4096)
        while data: data = data[os.write(other[end], data):]
`

/** Whether Python is there to make a wire; when not, that is said once. */
export const hasPty = spawnSync("python3", ["-c", "import pty"]).status === 0
if (!hasPty) process.stderr.write("serial devices: SKIPPED, python3 is not on the PATH\n")

/** Makes a wire; it ends with this process. */
export async function openWire(): Promise<Wire> {
    const child = spawn("python3", ["-c", BRIDGE], { stdio: ["pipe", "pipe", "inherit"] })
    const line = await new Promise<string>(settle => createInterface({ input: child.stdout! }).once("line", settle))
    const [board = "", sender = ""] = line.split(" ")
    return { board, sender, close: () => void child.kill("SIGKILL") }
}
