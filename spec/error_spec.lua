-- Errors: values that cross unchanged, traces and spawn chains, suppressed errors, error groups.

local xio = require "xio"
local support = require "spec.support"

local it = support.it(it)
local run, catch, here, mentions = support.run, support.catch, support.here, support.mentions

--- Where the errors below are raised and their tasks spawned, as "error_spec.lua:12".
local place = {}

local function fail(value)
  place.fail = here(1)
  error(value, 0)
end

local function fail_elsewhere(value)
  place.elsewhere = here(1)
  error(value, 0)
end

--- Fails in a task, of a group in a task, of a group in the calling task.
local function fail_deep(value)
  xio.group(function(outer)
    place.outer = here(1)
    outer:spawn({ name = "parent" }, function()
      xio.group(function(inner)
        place.inner = here(1)
        inner:spawn({ name = "child" }, fail, value)
      end)
    end)
  end)
end

--- The position of a place in a trace; an error when it is not there.
local function position(text, wanted)
  local at = text:find(wanted:gsub("%p", "%%%0") .. "%f[%D]")
  if not at then error(("%s is missing in:\n%s"):format(wanted, text), 2) end
  return at
end

--- Raises an error group of an error for each of the values.
local function fail_with(...)
  local values = table.pack(...)
  xio.group({ errors = "group" }, function(g)
    for i = 1, values.n do g:spawn(fail, values[i]) end
  end)
end

--- An error group of "a", of a group of "b" and "c", and of "d".
local function nested_group()
  return catch(xio.group, function(g)
    g:spawn(fail, "a")
    g:spawn(fail_with, "b", "c")
    g:spawn(function()
      xio.shield(xio.sleep, 1)
      fail("d")
    end)
  end)
end

describe("an error value", function()
  it("E1 crosses scopes, groups, tasks and runs unchanged", function()
    for _, value in ipairs { "text", {}, false, 42, print } do
      local err = catch(run, function()
        xio.scope(function()
          xio.shield(function()
            xio.group(function(g)
              g:spawn(function()
                run(function()
                  xio.spawn(function() xio.fail_after(5, error, value, 0) end)
                end)
              end)
            end)
          end)
        end)
      end)
      assert.is_true(rawequal(value, err))
    end
  end)

  it("E1 of nil is named at the first boundary and keeps that identity", function()
    local boundaries = {
      function(f) xio.scope(f) end,
      function(f) xio.group(f) end,
      function(f) xio.shield(f) end,
      function(f) xio.move_on_after(5, f) end,
      function(f) xio.fail_after(5, f) end,
      function(f) xio.new_scope():run(f) end,
      function(f) xio.gather(f) end,
      function(f) xio.group(function(g) g:spawn(f) end) end,
      function(f) run(f) end,
    }
    for _, boundary in ipairs(boundaries) do
      local first
      local last = catch(run, function()
        first = catch(boundary, function() error(nil) end)
        error(first, 0)
      end)
      mentions(tostring(first), "nil")
      assert.is_true(rawequal(first, last))
    end
    run(function()
      local ok, err = xio.isolate(function() error(nil) end)
      assert.is_false(ok)
      mentions(tostring(err), "nil")
    end)
  end)

  it("keeps a metatable and is not written to", function()
    local meta = { __newindex = function() error("written to") end, __metatable = false }
    local value = setmetatable({}, meta)
    assert.is_true(rawequal(value, catch(run, fail_deep, nil, value)))
    assert.is_nil(next(value))
  end)
end)

describe("xio.traceback", function()
  it("INT-02 E2 begins with the failing function's place", function()
    local value = { "table" }
    catch(run, fail_deep, nil, value)
    local text = xio.traceback(value)
    assert.equal(place.fail, text:match("[%w_]+%.lua:%d+"))
  end)

  it("INT-02 E2 shows no frame of the runtime", function()
    local value = {}
    catch(run, function() xio.scope(function() fail_deep(value) end) end)
    local text = xio.traceback(value)
    assert.is_nil(text:find("xio/[%w_]+%.lua"))
    assert.is_nil(text:find("[C]: in ?", 1, true))
    assert.is_nil(text:find("[C]: in function <", 1, true))
  end)

  it("INT-02 E2 shows where each task up to the root was spawned, innermost first", function()
    local value = {}
    catch(run, fail_deep, nil, value)
    local text = xio.traceback(value)
    local failed, inner = position(text, place.fail), position(text, place.inner)
    assert.is_true(failed < inner)
    assert.is_true(inner < position(text, place.outer))
    mentions(text, "child", "parent")
  end)

  it("E2 shows all frames of the failing task", function()
    local value, at = {}, nil
    local function middle()
      xio.scope(function()
        at = here(1)
        fail(value)
        error("unreachable")
      end)
      error("unreachable")
    end
    catch(run, function()
      place.main = here(1)
      middle()
      error("unreachable")
    end)
    local text = xio.traceback(value)
    assert.is_true(position(text, place.fail) < position(text, at))
    assert.is_true(position(text, at) < position(text, place.main))
  end)

  it("E2 works for strings, and contains the message", function()
    local text = "a message of its own"
    catch(run, fail_deep, nil, text)
    local trace = xio.traceback(text)
    mentions(trace, text)
    position(trace, place.fail)
    position(trace, place.inner)
  end)

  it("E2 is there inside the run too, for who caught the error", function()
    run(function()
      local value = {}
      local trace = xio.traceback(catch(fail_deep, value))
      position(trace, place.fail)
      position(trace, place.outer)
    end)
  end)

  it("E2 is of the latest raise of that value", function()
    run(function()
      local value = {}
      catch(xio.group, function(g) g:spawn(fail, value) end)
      position(xio.traceback(value), place.fail)
      catch(xio.group, function(g) g:spawn(fail_elsewhere, value) end)
      local text = xio.traceback(value)
      position(text, place.elsewhere)
      assert.is_false(pcall(position, text, place.fail))
    end)
  end)

  it("E2 shows a raise that waited on the way: in pcall, in a closer", function()
    run(function()
      local value = {}
      catch(xio.group, function(g)
        g:spawn(function()
          local _slow <close> = support.closing(function() xio.shield(xio.sleep, 1) end)
          fail(value)
        end)
      end)
      position(xio.traceback(value), place.fail)
    end)
  end)

  it("E2 ends with the errors that were suppressed", function()
    run(function()
      local first = {}
      catch(xio.group, { errors = "first" }, function(g)
        g:spawn(fail, first)
        g:spawn(fail_elsewhere, "the second error")
      end)
      local text = xio.traceback(first)
      mentions(text, "the second error")
      assert.is_true(position(text, place.fail) < position(text, place.elsewhere))
    end)
  end)

  it("E2 survives an error whose __tostring fails", function()
    local value = setmetatable({}, { __tostring = function() error("no text") end })
    catch(run, fail_deep, nil, value)
    position(xio.traceback(value), place.fail)
  end)
end)

describe("xio.suppressed", function()
  it("E2 is an empty list where nothing was suppressed", function()
    run(function()
      local value = {}
      catch(xio.group, function(g) g:spawn(fail, value) end)
      assert.same({}, xio.suppressed(value))
    end)
  end)

  it("E2 lists the others in order, of the latest raise", function()
    run(function()
      local first, second, third = {}, { 2 }, { 3 }
      catch(xio.group, { errors = "first" }, function(g)
        for _, value in ipairs { first, second, third } do g:spawn(fail, value) end
      end)
      local others = xio.suppressed(first)
      assert.equal(2, #others)
      assert.equal(second, others[1])
      assert.equal(third, others[2])
      catch(xio.group, function(g) g:spawn(fail, first) end)
      assert.same({}, xio.suppressed(first))
    end)
  end)

  it("E2 of a string are kept until it is raised again, and no longer", function()
    run(function()
      local alive = setmetatable({}, { __mode = "k" })
      local function raise_beside(other)
        catch(xio.group, { errors = "first" }, function(g)
          g:spawn(fail, "the same string")
          g:spawn(fail, other)
        end)
      end
      for i = 1, 3 do
        local other = { i }
        alive[other] = true
        raise_beside(other)
        assert.same({ other }, xio.suppressed("the same string"))
      end
      collectgarbage()
      collectgarbage()
      local count = 0
      for _ in pairs(alive) do count = count + 1 end
      assert.equal(1, count)
      raise_beside("nothing")
      collectgarbage()
      collectgarbage()
      assert.is_nil(next(alive))
    end)
  end)

  it("E2 of a string outlive other strings that are raised again and again", function()
    run(function()
      local function raise(value)
        catch(xio.gather, function() fail(value) end)
      end
      raise("kept for a while")
      for _ = 1, 100 do
        raise("one")
        raise("two")
      end
      position(xio.traceback("kept for a while"), place.fail)
      for i = 1, 70 do raise("other " .. i) end
      assert.is_nil(xio.traceback("kept for a while"):find(place.fail, 1, true))
      position(xio.traceback("other 70"), place.fail)
    end)
  end)

  it("E2 C7 keeps an error of a cleanup beside the one in flight", function()
    run(function()
      local value, late = {}, { "late" }
      local err = catch(xio.group, function(g)
        g:spawn(function()
          local _cleanup <close> = xio.defer(fail, late)
          fail(value)
        end)
      end)
      assert.same({ value, late }, support.is_group(err) and err.errors
        or { err, table.unpack(xio.suppressed(err)) })
    end)
  end)
end)

describe("an error group", function()
  it("E3 has errors, a length, and leaves", function()
    run(function()
      local err = nested_group()
      assert.equal(3, #err)
      assert.equal("a", err.errors[1])
      assert.same({ "b", "c" }, err.errors[2].errors)
      assert.equal("d", err.errors[3])
      local leaves = err:leaves()
      assert.same({ "a", "b", "c", "d" }, leaves)
    end)
  end)

  it("GRP-08 E3 each_error runs over the leaves, or over the one error", function()
    run(function()
      assert.same({ "a", "b", "c", "d" }, support.leaves(nested_group()))
      assert.same({ "one" }, support.leaves("one"))
      local value = {}
      assert.equal(value, support.leaves(value)[1])
      assert.equal(1, #support.leaves(value))
      assert.same({ false }, support.leaves(false))
      assert.same({ "x", false }, support.leaves(catch(fail_with, "x", false)))
    end)
  end)

  it("E3 finds a leaf", function()
    run(function()
      local err = nested_group()
      assert.equal("c", err:find(function(leaf) return leaf > "b" end))
      assert.is_nil(err:find(function() return false end))
      assert.equal("boom", catch(err.find, err, function() error("boom", 0) end))
    end)
  end)

  it("E3 splits into those that match and the rest", function()
    run(function()
      local err = nested_group()
      local some, rest = err:split(function(leaf) return leaf == "a" or leaf == "c" end)
      assert.same({ "a", "c" }, support.leaves(some))
      assert.same({ "b", "d" }, support.leaves(rest))
      assert.same({ "a", "b", "c", "d" }, support.leaves(err))
      local all, none = err:split(function() return true end)
      assert.same({ "a", "b", "c", "d" }, support.leaves(all))
      assert.is_nil(none)
      none, all = err:split(function() return false end)
      assert.is_nil(none)
      assert.same({ "a", "b", "c", "d" }, support.leaves(all))
    end)
  end)

  it("E3 prints as an indented tree with traces", function()
    run(function()
      local text = tostring(catch(xio.group, function(g)
        g:spawn(fail, "outer error")
        g:spawn(fail_with, "inner error", "other error")
      end))
      mentions(text, "outer error", "inner error", "other error")
      position(text, place.fail)
      local columns = {}
      for line in text:gmatch("[^\n]+") do
        for _, name in ipairs { "outer error", "inner error", "other error" } do
          columns[name] = columns[name] or line:find(name, 1, true)
        end
      end
      assert.is_true(columns["outer error"] < columns["inner error"])
      assert.equal(columns["inner error"], columns["other error"])
    end)
  end)

  it("E3 crosses tasks and runs like any value", function()
    local inside
    local err = catch(run, function()
      xio.group(function(g)
        g:spawn(function()
          inside = catch(fail_with, "a", "b")
          error(inside, 0)
        end)
      end)
    end)
    assert.is_true(rawequal(inside, err))
    assert.same({ "a", "b" }, support.leaves(err))
    mentions(xio.traceback(err), "a", "b")
  end)
end)
