// Entry of the `otary` command.

import { endWithParent } from "./end-with-parent"
import { processIo } from "./io"
import { runProgram } from "./program"

// A reader that has seen enough, such as `head`, is no failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error
    process.exit(0)
})
endWithParent(process.env)
void runProgram(process.argv.slice(2), processIo()).then(exitCode => {
    // A command that watches boards may have set a worse one.
    if (exitCode !== 0) process.exitCode = exitCode
})
