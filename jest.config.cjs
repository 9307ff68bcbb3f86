// How jest finds and runs the tests: TypeScript through esbuild, every test bounded in time.

module.exports = {
    testEnvironment: "node",
    roots: ["<rootDir>/test"],
    testMatch: ["**/*.test.ts"],
    // Jest loads no ES modules on Node 20; aedes, the broker of tests, is one.
    transform: { "\\.ts$|/node_modules/aedes/.*\\.js$": "<rootDir>/build/jest-transform.cjs" },
    transformIgnorePatterns: ["/node_modules/(?!aedes/)"],
    moduleFileExtensions: ["ts", "js", "cjs", "json"],
    moduleNameMapper: { "^otary$": "<rootDir>/firmware/api.ts" },
    // One more than small machines have cores: the longest suites wait for real processes most of the time.
    maxWorkers: 3,
    testTimeout: 15_000,
}
