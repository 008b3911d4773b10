-- xio.mailbox: items from other threads.

local xio = require "xio"
local support = require "spec.support"

local it = support.it(it)
local catch = support.catch

-- Real threads, so real time; limits are only against hanging.
describe("xio.mailbox, from other threads", function()
  local function run_threads(f)
    return xio.run({ signals = false }, xio.fail_after, 30, f)
  end

  it("takes copies from all of them, each thread's in order, by key and gate", function()
    run_threads(function()
      local seen, last, count = {}, {}, 0
      local mailbox = xio.mailbox {
        key = function(item) return item.n % 2 end,
        gate = function(item)
          seen[item.sender] = (seen[item.sender] or 0) + 1
          assert.equal(item.n, seen[item.sender]) -- in the order of coming
          return item.n % 10 ~= 0
        end,
      }
      xio.group(function(group)
        for sender = 1, 4 do
          group:spawn(xio.thread.run, function(box, number)
            for n = 1, 500 do assert(box:submit { sender = number, n = n }) end
          end, mailbox, sender)
        end
        for n = 1, 500 do mailbox:submit { sender = 5, n = n } end
        while count < 5 * 450 do
          local item = mailbox:recv()
          local before = last[item.sender * 2 + item.n % 2] or 0
          assert(item.n > before)
          last[item.sender * 2 + item.n % 2] = item.n
          count = count + 1
        end
      end)
      assert.same({ 2500, 2250, 0 }, { mailbox:stats().sent, mailbox:stats().received,
        mailbox:stats().buffered })
    end)
  end)

  it("wakes the consumer, and gives it the first that comes", function()
    run_threads(function()
      local mailbox = xio.mailbox { key = function(item) return item end }
      xio.group(function(group)
        group:spawn(xio.thread.run, function(box)
          xio.sleep(0.01)
          for i = 1, 3 do box:submit(i) end
          return box:close(), box:close(), box.closed, (box:submit(4))
        end, mailbox)
        local items = {}
        for item in mailbox do items[#items + 1] = item end
        assert.equal(6, items[1] + items[2] + items[3])
        assert.equal(1, items[1])
      end)
      assert.same({ nil, "closed" }, { mailbox:submit(1) })
    end)
  end)

  it("failed there, raises a copy of the error with its trace", function()
    run_threads(function()
      local mailbox = xio.mailbox()
      assert.is_true(xio.thread.run(function(box)
        local function deep() error({ text = "deep" }) end
        local _, err = xio.isolate(deep)
        box:submit("before")
        return box:fail(err)
      end, mailbox))
      assert.equal("before", mailbox:recv())
      local err = catch(mailbox.recv, mailbox)
      assert.equal("deep", err.text)
      support.mentions(xio.traceback(err), "mailbox_thread_spec.lua")
      assert.equal(err, catch(mailbox.recv, mailbox))
    end)
  end)

  it("receives at home only, and is itself when it comes back", function()
    run_threads(function()
      local mailbox = xio.mailbox()
      mailbox:submit("at home")
      local errors, back = xio.thread.run(function(box)
        local list = {}
        for i, name in ipairs { "recv", "try_recv", "drain", "stats" } do
          list[i] = select(2, pcall(box[name], box))
        end
        list[5] = select(2, pcall(function() box.floor = 1 end))
        return list, box
      end, mailbox)
      assert.equal(5, #errors)
      for _, text in ipairs(errors) do support.mentions(text, "thread", "mailbox") end
      assert.equal(mailbox, back)
      assert.equal("at home", back:recv())
    end)
  end)

  it("is closed for all others when its home has ended, or has let go of it", function()
    run_threads(function()
      local service = xio.service { run = function(service) service:started(xio.mailbox()) end }
      local mailbox = service:start():wait_started()
      service:join()
      xio.thread.run(collectgarbage)
      xio.thread.run(collectgarbage)
      assert.same({ nil, "closed" }, { mailbox:submit(1) })
      assert.is_true(mailbox.closed)
    end)
  end)

  it("refuses what cannot be copied, and says where it is", function()
    run_threads(function()
      local mailbox = xio.mailbox()
      local text = xio.thread.run(function(box)
        return select(2, pcall(box.submit, box, { deep = coroutine.create(print) }))
      end, mailbox)
      support.mentions(text, "mailbox:submit", "value.deep")
      assert.equal(0, mailbox:stats().sent)
    end)
  end)

  it("may be received from in a thread without a loop, which stop interrupts", function()
    run_threads(function()
      local sums = xio.mailbox()
      local service = xio.service { loop = false, args = { sums }, run = function(service, out)
        local mailbox, sum = xio.mailbox(), 0
        service:started(mailbox)
        for item in mailbox do
          sum = sum + item
          if item == 0 then out:submit(sum) end
        end
      end }
      local mailbox = service:start():wait_started()
      for i = 10, 0, -1 do mailbox:submit(i) end
      assert.equal(55, sums:recv())
      service:stop()
      assert.is_true(service:join())
    end)
  end)

  it("an actor is submitted to, closed and failed as well", function()
    run_threads(function()
      local sum = 0
      local actor = xio.actor(function(item) sum = sum + item end)
      xio.thread.run(function(other)
        for i = 1, 10 do other:submit(i) end
        other:close()
      end, actor)
      actor:wait()
      assert.equal(55, sum)
    end)
  end)
end)
