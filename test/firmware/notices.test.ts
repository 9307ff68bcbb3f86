// firmware/notices.ts: the version at once, then every signal of the agent with its one value, and no other signal.

import { createRig, startCore } from "./core"

test("what those outside are told", () => {
    const { notices, signals } = startCore(createRig())
    const told: [string, string | number][] = []
    notices.noticesStart("1.0.0", (name, value) => void told.push([name, value]))
    expect(told.splice(0)).toEqual([["version", "1.0.0"]])
    signals.rSignalSync("my:own", 7)
    signals.rSignalSync(signals.SIGNAL_CHECKIN, undefined)
    signals.rSignalSync(signals.SIGNAL_UPDATE, { version: "1.1.0", update: "u1" })
    signals.rSignalSync(signals.SIGNAL_PROGRESS, 40)
    signals.rSignalSync(signals.SIGNAL_COMMIT, undefined)
    signals.rSignalSync(signals.SIGNAL_ROLLBACK, {})
    signals.rSignalSync(signals.SIGNAL_ERROR, { status: -34 })
    expect(told).toEqual([
        ["device:checkin", ""],
        ["device:update", "1.1.0"],
        ["device:progress", 40],
        ["device:commit", ""],
        ["device:rollback", ""],
        ["device:error", -34],
    ])
})
