// Wrong calls, help, and the shape of errors.

import { run, type Ran } from "./cli-fixture"

function errorOf({ stderr }: Ran): { code: string; message: string; hint: string } {
    return (JSON.parse(stderr) as { error: { code: string; message: string; hint: string } }).error
}

test.each([
    [["devise"], /unknown command 'devise'/],
    [["pack"], /missing required argument 'dir'/],
    [["inspect", "a.zip", "--loud"], /unknown option '--loud'/],
    [["inspect", "a.zip", "b.zip"], /too many arguments/],
    [["cloud", "--port", "65536"], /whole number of 0 to 65535/],
    [["cloud", "--log", "loud"], /Allowed choices/],
    [["demo", "--boards", "0"], /whole number of 1 to 100/],
    [["demo", "--boards", "4x"], /whole number of 1 to 100/],
    [["release", "create", "a.zip"], /required option '--product <id>'/],
    [["release", "create", "a.zip", "--product", "p", "--to", "a,,b"], /device ids with commas/],
    [["device", "add", "--product", "p", "--attribute", "x"], /NAME=VALUE/],
    [["pack", ".", "--set", "version"], /NAME=VALUE/],
])("%j is wrong usage: exit code 2", async (argv, message) => {
    const ran = await run([...argv, "--json"])
    expect([ran.exitCode, ran.stdout]).toEqual([2, ""])
    expect(errorOf(ran)).toEqual({
        code: "CLI_USAGE",
        message: expect.stringMatching(message),
        hint: expect.stringContaining("--help"),
    })
})

test.each([[[]], [["device"]], [["release"]]])("%j without a command prints help to stderr: exit code 2", async argv => {
    const ran = await run(argv)
    expect([ran.exitCode, ran.stdout]).toEqual([2, ""])
    expect(ran.stderr).toContain("Usage: otary")
})

test.each([[["--help"]], [["release", "create", "--help"]], [["help", "demo"]]])("%j prints help to stdout", async argv => {
    const ran = await run(argv)
    expect([ran.exitCode, ran.stderr]).toEqual([0, ""])
    expect(ran.stdout).toContain("Usage: otary")
})

test("--version is that of the package", async () => {
    const { version } = jest.requireActual<{ version: string }>("../../package.json")
    expect(await run(["--version"])).toEqual({ exitCode: 0, stdout: `${version}\n`, stderr: "" })
})

test("an error for people says what happened, why, and what to do, with its code", async () => {
    const ran = await run(["device", "list"], { cwd: __dirname })
    expect(ran).toEqual({
        exitCode: 1,
        stdout: "",
        stderr:
            "otary: CLI_CLOUD_UNKNOWN: no cloud is named, and none runs in this folder\n" +
            "  start one here with `otary cloud`, or name one with --cloud or OTARY_CLOUD\n",
    })
})

test.each([
    [["--cloud", "ftp://x"], 2, "CLI_USAGE"],
    [["--cloud", "http://127.0.0.1:1"], 1, "CLI_TOKEN_MISSING"],
    [["--cloud", "http://127.0.0.1:1", "--token", "two words"], 1, "CLI_TOKEN_MISSING"],
    [["--cloud", "http://127.0.0.1:1", "--token", "t"], 1, "CLI_CLOUD_UNREACHABLE"],
])("device list %j ends with %i and %s", async (options, exitCode, code) => {
    const ran = await run(["device", "list", "--json", ...options])
    expect([ran.exitCode, errorOf(ran).code]).toEqual([exitCode, code])
})
