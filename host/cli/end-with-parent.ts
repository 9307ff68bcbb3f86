// Ends a command whose npx is gone: npx hands no signal on, and nobody could stop what it leaves behind.

const LOOK_EVERY_MS = 100

/**
 * Under npx (npm sets npm_command to "exec"), watches for the end of the parent process and then ends this one as SIGTERM would.
 * Anywhere else a command may outlive its parent, as with nohup, and nothing is watched.
 */
export function endWithParent(env: NodeJS.ProcessEnv): void {
    if (env["npm_command"] !== "exec") return
    const parent = process.ppid
    const timer = setInterval(() => {
        if (process.ppid === parent) return
        clearInterval(timer)
        process.kill(process.pid, "SIGTERM")
    }, LOOK_EVERY_MS)
    timer.unref()
}
