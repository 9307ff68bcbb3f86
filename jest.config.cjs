// How jest finds and runs the tests: TypeScript through esbuild, two workers, every test bounded in time.

module.exports = {
    testEnvironment: "node",
    roots: ["<rootDir>/test"],
    testMatch: ["**/*.test.ts"],
    transform: { "\\.ts$": "<rootDir>/build/jest-transform.cjs" },
    moduleFileExtensions: ["ts", "js", "cjs", "json"],
    moduleNameMapper: { "^otary$": "<rootDir>/firmware/api.ts" },
    maxWorkers: 2,
    testTimeout: 15_000,
}
