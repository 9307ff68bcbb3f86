// otary policy check: values, remarks, errors with their place, exit codes; properties from a file and from a running cloud.

import { join } from "node:path"
import { startCloud } from "../../host/cloud/cloud"
import { makeFolder, run, writeFiles } from "./cli-fixture"

const folder = makeFolder()
const cwd = folder.path
writeFiles(cwd, {
    "device.json5": `{ id: "D1", version: "1.0.0", memory: 512, wifi: { rssi: -60 }, /* comment */ tags: ["a"] }`,
    "list.json5": "[1]",
    "broken.json5": "{",
})
afterAll(() => folder.remove())

const check = (...argv: string[]): ReturnType<typeof run> => run(["policy", "check", ...argv], { cwd })

test("every part with its value, as text", async () => {
    const expression = 'memory>=512&&wifi.rssi > -70 && semver(version, "<", newVersion)'
    const ran = await check(expression, "--attributes", "device.json5", "--new-version", "1.1.0")
    expect([ran.exitCode, ran.stderr]).toEqual([0, ""])
    expect(ran.stdout.split("\n")).toEqual([
        "true",
        "",
        "VALUE    EXPRESSION",
        'true     memory >= 512 && wifi.rssi > -70 && semver(version, "<", newVersion)',
        "true     memory >= 512 && wifi.rssi > -70",
        "true     memory >= 512",
        "512      memory",
        "true     wifi.rssi > -70",
        "-60      wifi.rssi",
        "-70      -70",
        'true     semver(version, "<", newVersion)',
        '"1.0.0"  version',
        '"1.1.0"  newVersion',
        "",
    ])
})

test("one line of JSON; false is no error", async () => {
    const ran = await check("memory < 512 || 'x' == model || tags > 1", "--attributes", "device.json5", "--json")
    expect([ran.exitCode, ran.stderr, ran.stdout.split("\n").length]).toEqual([0, "", 2])
    expect(JSON.parse(ran.stdout)).toEqual({
        result: false,
        terms: 6,
        expression: 'memory < 512 || "x" == model || tags > 1',
        failure: {
            start: 32,
            end: 40,
            expression: "tags > 1",
            message: "> needs two numbers or two texts, found list and number: a list and 1",
        },
        values: [
            { expression: 'memory < 512 || "x" == model || tags > 1', start: 0, end: 40, state: "skipped", value: null },
            { expression: 'memory < 512 || "x" == model', start: 0, end: 28, state: "value", value: false },
            { expression: "memory < 512", start: 0, end: 12, state: "value", value: false },
            { expression: "memory", start: 0, end: 6, state: "value", value: 512 },
            { expression: '"x" == model', start: 16, end: 28, state: "value", value: false },
            { expression: "model", start: 23, end: 28, state: "value", value: null },
            { expression: "tags > 1", start: 32, end: 40, state: "failed", value: null },
            { expression: "tags", start: 32, end: 36, state: "value", value: ["a"] },
        ],
    })
})

test("without a device every property is null, and a remark says so", async () => {
    const ran = await check("")
    expect(ran.exitCode).toBe(0)
    expect(ran.stdout).toMatch(
        /^false\n\nVALUE +EXPRESSION\nfalse +semver\(version, "<", newVersion\)\nnull +version\nnull +newVersion\n$/,
    )
    expect(ran.stderr).toMatch(/newVersion is null: .*--new-version\nno device is given/)
    expect((await check("1 < 2", "--quiet")).stdout).toMatch(/^true\n/)
})

test("an error in the expression shows the place; exit code 1", async () => {
    const ran = await check("memory > 5 &&", "--attributes", "device.json5")
    expect([ran.exitCode, ran.stdout]).toEqual([1, ""])
    expect(ran.stderr).toBe(
        "otary: POLICY_SYNTAX: expected a value, found the end\n  memory > 5 &&\n               ^\n" +
            "  a value is a property, a number, a text in quotes, a /regular expression/, true, false or null\n",
    )
    const json = await check("a == 1.2.3", "--json")
    expect([json.exitCode, json.stdout]).toEqual([1, ""])
    expect(JSON.parse(json.stderr)).toMatchObject({ error: { code: "POLICY_NUMBER" } })
    const terms = ["a == 1 && b == 2 && c == 3", "--json", "--terms"]
    expect([(await check(...terms, "5")).exitCode, (await check(...terms, "6")).exitCode]).toEqual([1, 0])
})

test.each([
    [["a", "--attributes", "missing.json5"], 1, "CLI_FILE"],
    [["a", "--attributes", "broken.json5"], 1, "CLI_FILE"],
    [["a", "--attributes", "list.json5"], 1, "CLI_FILE"],
    [["a", "--attributes", "device.json5", "--device", "d"], 2, "CLI_USAGE"],
    [["a", "--terms", "51"], 2, "CLI_USAGE"],
    [[], 2, "CLI_USAGE"],
    [["a", "--device", "d"], 1, "CLI_CLOUD_UNKNOWN"],
])("%j ends with %d, %s", async (argv, exitCode, code) => {
    const ran = await check(...argv)
    expect([ran.exitCode, ran.stderr.split(":")[1]?.trim()]).toEqual([exitCode, code])
})

test("a device of a cloud", async () => {
    const cloud = await startCloud({ dataDir: join(cwd, "data"), log: "silent" })
    try {
        const as = ["--cloud", cloud.url, "--token", cloud.adminToken]
        expect((await run(["product", "create", "lamp", ...as], { cwd })).exitCode).toBe(0)
        const added = await run(["device", "add", "lamp-1", "--product", "lamp", "--attribute", "memory=512", ...as], { cwd })
        expect(added.exitCode).toBe(0)
        const ran = await check("memory == 512 && id == 'lamp-1' && product == 'lamp'", "--device", "lamp-1", "--json", ...as)
        expect(JSON.parse(ran.stdout)).toMatchObject({ result: true, terms: 6 })
        expect(await check("true", "--device", "lamp-2", ...as)).toMatchObject({ exitCode: 1, stdout: "" })
    } finally {
        await cloud.close()
    }
}, 60_000)
