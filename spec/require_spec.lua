-- xio.require against the stock require: the same results and errors, and it may wait.

local xio = require "xio"
local waiting_require = require "xio.require"
local support = require "spec.support"

local it = support.it(it)
local run, catch = support.run, support.catch

-- Gives `loader` to the module `name` while `body` runs, and forgets the module before and
-- after. `loaders` maps names to functions; the body gets the require to test.
local function with_modules(loaders, body)
  local function forget()
    for name in pairs(loaders) do
      package.preload[name] = nil
      package.loaded[name] = nil
    end
  end
  forget()
  for name, loader in pairs(loaders) do package.preload[name] = loader end
  local _forget <close> = support.closing(forget)
  body(waiting_require)
end

-- Writes `source` to a file that package.path finds as `name` while `body` runs.
local function with_file(name, source, body)
  local path = os.tmpname()
  local file = assert(io.open(path, "w"))
  file:write(source)
  file:close()
  local before = package.path
  package.path = path .. ";" .. before
  local _restore <close> = support.closing(function()
    package.path = before
    package.loaded[name] = nil
    os.remove(path)
  end)
  body(path)
end

-- What stock and ours do with the same module, each from a clean start.
local function both(name, ...)
  local results = {}
  for i, f in ipairs { require, waiting_require } do
    package.loaded[name] = nil
    results[i] = table.pack(pcall(f, name, ...))
    package.loaded[name] = nil
  end
  return results[1], results[2]
end

local function agree(name, ...)
  local stock, ours = both(name, ...)
  assert.same(stock, ours)
  return ours
end

-- Runs a chunk in which require is `f`; returns its results, or its error, as one text.
local function try(code, f)
  local env = setmetatable({ require = f }, { __index = _G })
  local got = table.pack(pcall(load(code, "=chunk", "t", env)))
  for i = 1, got.n do got[i] = tostring(got[i]) end
  return table.concat(got, " | ")
end

describe("xio.require", function()
  it("gives the module and the loader's data, then the module alone", function()
    with_modules({ ["xio_spec.a"] = function(...) return { ... } end }, function(require)
      local first = table.pack(require "xio_spec.a")
      assert.same({ n = 2, { "xio_spec.a", ":preload:" }, ":preload:" }, first)
      assert.same({ n = 1, first[1] }, table.pack(require "xio_spec.a"))
      assert.equal(first[1], package.loaded["xio_spec.a"])
    end)
  end)

  it("agrees with stock on what loaders return", function()
    with_modules({
      ["xio_spec.nothing"] = function() end,
      ["xio_spec.false"] = function() return false end,
      ["xio_spec.two"] = function() return 1, 2 end,
      ["xio_spec.sets"] = function(name) package.loaded[name] = "set" end,
      ["xio_spec.sets_and_returns"] = function(name)
        package.loaded[name] = "set"
        return "returned"
      end,
    }, function()
      for _, name in ipairs { "nothing", "false", "two", "sets", "sets_and_returns" } do
        agree("xio_spec." .. name)
      end
    end)
  end)

  it("loads files as stock does", function()
    with_file("xio_spec_file", "return { ... }", function(path)
      local got = agree "xio_spec_file"
      assert.same({ true, { "xio_spec_file", path }, path, n = 3 }, got)
    end)
  end)

  it("raises what stock raises", function()
    with_file("xio_spec_bad", "x = = 1", function()
      assert.is_false(agree("xio_spec_bad")[1])
    end)
    with_file("xio_spec_raise", "error('mine')", function() agree "xio_spec_raise" end)
    with_file("xio_spec_level", "error('mine', 2)", function()
      assert.equal("mine", agree("xio_spec_level")[2])
    end)
    for _, code in ipairs {
      [[local m = require()]],
      [[local m = require(nil)]],
      [[local m = require({})]],
      [[local f = require local m = f(print)]],
      [[local m = require("xio_spec_missing")]],
      [[local m = require(1.5)]],
      [[require "xio_spec_missing" return 1]],
    } do
      assert.equal(try(code, require), try(code, waiting_require), code)
    end
  end)

  it("passes the identical error value of a loader on, and loads anew afterwards", function()
    local value, calls = {}, 0
    local function loader()
      calls = calls + 1
      if calls == 1 then error(value) end
      return "second"
    end
    with_modules({ ["xio_spec.fails"] = loader }, function(require)
      assert.equal(value, catch(require, "xio_spec.fails"))
      assert.equal("second", (require "xio_spec.fails"))
    end)
  end)

  it("asks searchers as stock does", function()
    local searchers = package.searchers
    local _restore <close> = support.closing(function() package.searchers = searchers end)
    local asked = {}
    package.searchers = {
      function(name) asked[#asked + 1] = name end,
      function() return "no luck" end,
      function() return 42 end,
      function(name)
        if name == "xio_spec_found" then
          return function(...) return select("#", ...) end, nil
        end
      end,
    }
    assert.same({ n = 3, true, 2 }, agree "xio_spec_found")
    local message = agree("xio_spec_missing")[2]
    assert.equal("module 'xio_spec_missing' not found:\n\tno luck\n\t42", message)
    assert.equal(4, #asked)
    package.searchers = { function() error("broken searcher", 2) end }
    agree "xio_spec_missing"
    package.searchers = nil
    agree "xio_spec_missing"
  end)

  it("ends a circle of requires as stock does", function()
    local function loader(name) return { waiting_require(name == "xio_spec.x" and "xio_spec.y"
      or "xio_spec.x") } end
    with_modules({ ["xio_spec.x"] = loader, ["xio_spec.y"] = loader }, function(require)
      support.mentions(catch(require, "xio_spec.x"), "overflow")
      run(function() support.mentions(catch(require, "xio_spec.x"), "overflow") end)
    end)
  end)

  it("T10 waits while a module loads, and other tasks run", function()
    with_file("xio_spec_slow", "require 'xio'.sleep(3) return 'slow'", function()
      run(function()
        local ticks = 0
        xio.spawn({ daemon = true }, function()
          while true do
            xio.sleep(1)
            ticks = ticks + 1
          end
        end)
        assert.equal("slow", (waiting_require "xio_spec_slow"))
        assert.is_true(ticks >= 2)
        assert.equal(3, xio.now())
      end)
    end)
  end)

  it("loads a module once for all tasks that want it meanwhile", function()
    local loads = 0
    local function loader()
      loads = loads + 1
      xio.sleep(2)
      return { number = loads }
    end
    with_modules({ ["xio_spec.once"] = loader }, function(require)
      run(function()
        local function want() return (require "xio_spec.once") end
        local function want_later()
          xio.sleep(1)
          return want()
        end
        local a, b, c = xio.gather(want, want, want_later)
        assert.equal(1, loads)
        assert.is_true(a == b and b == c)
        assert.equal(2, xio.now())
      end)
    end)
  end)

  it("lets different modules load at the same time", function()
    local function loader()
      xio.sleep(1)
      return true
    end
    with_modules({ ["xio_spec.p"] = loader, ["xio_spec.q"] = loader }, function(require)
      run(function()
        xio.gather(
          function() require "xio_spec.p" end,
          function() require "xio_spec.q" end)
        assert.equal(1, xio.now())
      end)
    end)
  end)

  it("lets a waiting task try itself when the load fails", function()
    local loads = 0
    local function loader()
      loads = loads + 1
      xio.sleep(1)
      if loads == 1 then error("first fails", 0) end
      return loads
    end
    with_modules({ ["xio_spec.retry"] = loader }, function(require)
      run(function()
        local first, second = xio.gather(
          function() return (catch(require, "xio_spec.retry")) end,
          function() return (require "xio_spec.retry") end)
        assert.equal("first fails", first)
        assert.equal(2, second)
      end)
    end)
  end)

  it("C3 goes on loading when a task that waits for it is cancelled", function()
    local loads = 0
    local function loader()
      loads = loads + 1
      xio.sleep(2)
      return loads
    end
    with_modules({ ["xio_spec.patient"] = loader }, function(require)
      run(function()
        local value, completed = xio.gather(
          function() return (require "xio_spec.patient") end,
          function() return (xio.move_on_after(1, require, "xio_spec.patient")) end)
        assert.equal(1, value)
        assert.is_false(completed)
      end)
    end)
  end)

  it("hands over to a waiting task when the loading one is cancelled", function()
    local loads = 0
    local function loader()
      loads = loads + 1
      xio.sleep(2)
      return loads
    end
    with_modules({ ["xio_spec.cut"] = loader }, function(require)
      run(function()
        local completed, value = xio.gather(
          function() return (xio.move_on_after(1, require, "xio_spec.cut")) end,
          function() return (require "xio_spec.cut") end)
        assert.is_false(completed)
        assert.equal(2, value)
        assert.equal(3, xio.now())
      end)
    end)
  end)

  it("ends a circle of requires across tasks instead of waiting for ever", function()
    local function loader(other)
      return function()
        xio.sleep(1)
        return { waiting_require(other) }
      end
    end
    with_modules({
      ["xio_spec.left"] = loader "xio_spec.right",
      ["xio_spec.right"] = loader "xio_spec.left",
    }, function(require)
      run(function()
        local a, b = xio.gather(
          function() return (catch(require, "xio_spec.left")) end,
          function() return (pcall(require, "xio_spec.right")) end)
        support.mentions(a, "overflow")
        assert.is_false(b)
      end)
    end)
  end)

  it("does not wait in a nested run for a task of the outer one", function()
    local loads = 0
    local function loader()
      loads = loads + 1
      xio.sleep(1)
      return loads
    end
    with_modules({ ["xio_spec.nested"] = loader }, function(require)
      run(function()
        xio.spawn(function() require "xio_spec.nested" end)
        xio.checkpoint()
        assert.equal(2, (run(require, nil, "xio_spec.nested")))
      end)
    end)
  end)

  it("does not take over the lock of a run that was closed while it loaded", function()
    local loads = 0
    local function loader()
      loads = loads + 1
      if loads == 1 then xio.sleep_forever() end
      return loads
    end
    with_modules({ ["xio_spec.closed"] = loader }, function(require)
      catch(run, function()
        xio.spawn(function() error("ends the run", 0) end)
        require "xio_spec.closed"
      end)
      assert.equal(2, (run(function() return (require "xio_spec.closed") end)))
    end)
  end)
end)
