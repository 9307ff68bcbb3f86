// Otary's own lint rules, as an ESLint plugin.

"use strict"

module.exports = {
    rules: {
        "engine-subset": require("./engine-subset.cjs"),
        "hot-allocates-nothing": require("./hot-allocates-nothing.cjs"),
    },
}
