// Takes a pre-release only on boards that asked for it: the owner opts in with a file, and all others skip it.

import { fileRead, log, rWatch, SIGNAL_UPDATE, updateSkip, version } from "otary"

/** The argument of SIGNAL_UPDATE. */
interface Update {
    version: string
}

/** SemVer 2.0.0, item 9: a hyphen behind the patch number makes a pre-release; build metadata may hold hyphens, too. */
function isPreRelease(text: string): boolean {
    const plus = text.indexOf("+")
    const core = plus < 0 ? text : text.substring(0, plus)
    return core.indexOf("-") >= 0
}

function decide(_: unknown, arg: unknown): void {
    const next = (arg as Update).version
    if (!isPreRelease(next) || fileRead("beta.txt") !== undefined) return
    log("opt-in: " + next + " is a beta, and this board did not ask for betas")
    updateSkip()
}

rWatch(SIGNAL_UPDATE, decide, undefined)
log("opt-in " + version())
