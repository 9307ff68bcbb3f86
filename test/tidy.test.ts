// Style is enforced here, not by review: every rule runs over every file, and every rule is shown a sample that breaks it.

import * as rules from "./tidy/rules"
import { projectFiles, type SourceFile } from "./tidy/tree"
import { codeHeadings, deadLinks, statusHeadings, undocumentedCodes, unusedFiles } from "./tidy/whole"

const files = projectFiles()
const textOf = (path: string): string => files.find(file => file.path === path)?.text ?? ""

/** A rule with samples that break it: path and text. */
interface Checked {
    readonly title: string
    readonly rule: rules.TidyRule
    readonly bad: readonly (readonly [path: string, text: string])[]
    readonly good: readonly (readonly [path: string, text: string])[]
}

const MACHINE_PATH = ["", "work", "main"].join("/")
const UNFINISHED = "TO" + "DO"
const IGNORED = "istanbul " + "ignore"
const ALONE = "it." + "only"
const OFF = "it." + "skip"

const CHECKED: readonly Checked[] = [
    {
        title: "imports go one way",
        rule: rules.importsOneWay,
        bad: [
            ["firmware/zip.ts", 'import { x } from "../shims/host/net"'],
            ["firmware/zip.ts", 'import { readFileSync } from "node:fs"'],
            ["shims/host/net.ts", 'import { x } from "../../host/board/board"'],
            ["build/pack.ts", 'import { x } from "../firmware/zip"'],
            ["build/pack.ts", 'import { x } from "../test/tidy/tree"'],
            ["host/cloud/cloud.ts", 'import { x } from "../../build/pack"'],
            ["host/cloud/artifacts/signatures.ts", 'import { x } from "../../../build/lms"'],
            ["host/cloud/domain/match.ts", 'import { x } from "../store/store"'],
            ["host/cloud/domain/match.ts", 'import { z } from "zod"'],
            ["host/cloud/domain/policy/regexp.ts", 'import { x } from "node:fs"'],
            ["host/cloud/domain/policy/regexp.ts", 'import { x } from "../match"'],
            ["host/cli/main.ts", 'import { x } from "../cloud/store/store"'],
            ["host/cli/main.ts", 'export { x } from "../../firmware/zip"'],
        ],
        good: [
            ["host/cloud/domain/match.ts", 'import { x } from "../../../firmware/version"'],
            ["shims/host/net.ts", 'import http from "node:http"\nimport { x } from "../../firmware/ports"'],
            ["host/cli/main.ts", 'import { x } from "../../build/pack"'],
            ["host/cloud/domain/policy/regexp.ts", 'import { RE2JS } from "re2js"'],
        ],
    },
    {
        title: "the first line of a file says what it is for",
        rule: rules.firstLineSays,
        bad: [
            ["build/a.ts", "import a from 'a'"],
            ["build/a.ts", "// short"],
            ["build/a.ts", ""],
        ],
        good: [["host/cli/a.cjs", "#!/usr/bin/env node\n// The command line's launcher.\n"]],
    },
    {
        title: "files have at most 400 lines",
        rule: rules.filesAreShort,
        bad: [["build/a.ts", "x\n".repeat(401)]],
        good: [["build/a.ts", "x\n".repeat(400)]],
    },
    {
        title: "lines have at most 140 characters",
        rule: rules.linesAreShort,
        bad: [["build/a.ts", "x".repeat(141)]],
        good: [["build/a.ts", "x".repeat(140)]],
    },
    {
        title: "functions have at most 70 lines",
        rule: rules.functionsAreShort,
        bad: [
            ["build/a.ts", `function a() {\n${"\n".repeat(69)}}`],
            ["build/a.ts", `const a = () => {\n${"\n".repeat(69)}}`],
            ["test/a.test.ts", `it("is long", () => {\n${"\n".repeat(69)}})`],
        ],
        good: [["build/a.ts", `function a() {\n${"\n".repeat(68)}}`]],
    },
    {
        title: "exports have docblocks",
        rule: rules.exportsAreDocumented,
        bad: [
            ["build/a.ts", "// What the file is for.\nexport function a() {}"],
            ["build/a.ts", "// Only a remark.\nexport interface A {}"],
            ["build/a.ts", "export type A = string"],
            ["build/a.ts", "/** One. */\nexport const A = 1\n\nexport const B = 1"],
        ],
        good: [
            ["build/a.ts", "/** One and two. */\nexport const A = 1\nexport const B = 2\nconst c = 3"],
            ["build/a.ts", "/** Does. */\nexport async function a() {}"],
        ],
    },
    {
        title: "firmware knows no platform",
        rule: rules.firmwareKnowsNoPlatform,
        bad: [
            ["firmware/a.ts", "const a = Buffer.alloc(1)"],
            ["firmware/a.ts", "const a: any = 1"],
            ["firmware/a.ts", "let a = new Uint8Array(1)"],
        ],
        good: [
            ["firmware/a.ts", "// Buffer is a word here.\nconst a = 1"],
            ["shims/host/a.ts", "const a = Buffer.alloc(1)"],
        ],
    },
    {
        title: "what coverage leaves out has a reason",
        rule: rules.coverageGapsHaveReasons,
        bad: [
            ["firmware/a.ts", `/* ${IGNORED} next */`],
            ["firmware/a.ts", `/* ${IGNORED} if -- */`],
        ],
        good: [["firmware/a.ts", `/* ${IGNORED} else -- the loader has checked it */`]],
    },
    {
        title: "no path of one machine and no registry is named",
        rule: rules.noMachineWords,
        bad: [
            ["docs/a.md", `cd ${MACHINE_PATH}`],
            ["package-lock.json", `"resolved": "https://registry.${"npmjs"}.org/a"`],
        ],
        good: [["docs/a.md", "framework/main and https://example.com/a"]],
    },
    {
        title: "no unfinished work is marked",
        rule: rules.noUnfinishedMarks,
        bad: [["build/a.ts", `// ${UNFINISHED}: later`]],
        good: [["build/a.ts", "// todolist"]],
    },
    {
        title: "no test runs alone or is switched off in silence",
        rule: rules.noSilentSkips,
        bad: [
            ["test/a.test.ts", `${ALONE}("a", () => {})`],
            ["test/a.test.ts", `${OFF}("a", () => {})`],
            ["test/a.test.ts", `${"x" + "it"}("a", () => {})`],
        ],
        good: [["test/a.test.ts", `// skipped: needs unzip\n${OFF}("a", () => {})`]],
    },
]

describe.each(CHECKED)("$title", ({ rule, bad, good }) => {
    it("everywhere in the project", () => {
        expect(files.flatMap(file => rule(file).map(problem => `${file.path}: ${problem}`))).toEqual([])
    })

    it.each(bad)("not in a bad %s", (path, text) => {
        expect(rule({ path, text })).not.toEqual([])
    })

    it.each(good)("in a good %s", (path, text) => {
        expect(rule({ path, text })).toEqual([])
    })
})

describe("every file is used", () => {
    it("everywhere in the project", () => {
        expect(unusedFiles(files)).toEqual([])
    })

    it("not when nothing reaches a file", () => {
        const sample: SourceFile[] = [
            { path: "host/cli/main.ts", text: 'import { a } from "./used"' },
            { path: "host/cli/used.ts", text: "" },
            { path: "host/cli/unused.ts", text: "" },
            { path: "host/cli/tested-only.ts", text: "" },
            { path: "test/helper.ts", text: "" },
            { path: "test/a.test.ts", text: 'import { a } from "./helper"\nimport { b } from "../host/cli/tested-only"' },
        ]
        expect(unusedFiles(sample)).toEqual(["host/cli/unused.ts", "host/cli/tested-only.ts"])
    })
})

describe("docs/errors.md explains every code", () => {
    it("status codes of the device, codes of packing, of boards and of the command line", () => {
        const headings = [
            ...statusHeadings(textOf("firmware/status.ts")),
            ...["build/errors.ts", "host/board/board-error.ts", "host/cli/cli-error.ts"].flatMap(path =>
                codeHeadings(textOf(path)),
            ),
        ]
        expect(headings.length).toBeGreaterThan(70)
        expect(undocumentedCodes(headings, textOf("docs/errors.md"))).toEqual([])
    })

    it("not when one is missing or its number differs", () => {
        const source = "export const STATUS_A = -1\nexport const STATUS_B = -2\n"
        expect(undocumentedCodes(statusHeadings(source), "### STATUS_A (-1)\n### STATUS_B (-3)\n")).toEqual(["STATUS_B (-2)"])
        expect(codeHeadings('| "PACK_A"')).toEqual(["PACK_A"])
    })
})

describe("links in documentation lead somewhere", () => {
    it("everywhere in the project", () => {
        expect(deadLinks(files)).toEqual([])
    })

    it("not when the file is not there", () => {
        const text = "[a](a.md) [b](../build) [c](gone.md#part) [d](https://example.com)"
        const sample = [
            { path: "docs/a.md", text },
            { path: "build/pack.ts", text: "" },
        ]
        expect(deadLinks(sample)).toEqual(["docs/a.md links to docs/gone.md"])
    })
})
