// What exceptions_test.c asks of C++.
#include "exceptions.h"

#include <exception>
#include <stdexcept>

extern "C" int throw_and_catch(int value)
{
    try {
        throw value;
    } catch (int caught) {
        return caught;
    }
}

// The exception that is being handled must be the same after the switch, and
// be rethrown as itself.
extern "C" int catch_and_suspend(int value, int (*suspend)(void))
{
    try {
        try {
            throw value;
        } catch (int) {
            if (suspend() < 0)
                return -1;
            throw;
        }
    } catch (int caught) {
        return std::uncaught_exceptions() == 0 &&
                       std::current_exception() != nullptr
                   ? caught
                   : -2;
    }
}

namespace {

// Suspends while an exception is on its way.
struct Suspender {
    int (*suspend)(void);
    int *seen;

    ~Suspender()
    {
        *seen = std::uncaught_exceptions();
        suspend();
        *seen += 10 * std::uncaught_exceptions();
    }
};

} // namespace

extern "C" int unwind_and_suspend(int (*suspend)(void))
{
    int seen = 0;
    try {
        Suspender s{ suspend, &seen };
        throw std::runtime_error("on its way");
    } catch (const std::exception &) {
        return seen;
    }
}

extern "C" int handled_now(void)
{
    return std::current_exception() != nullptr;
}

extern "C" int throw_out(void *)
{
    throw std::runtime_error("nobody catches me");
}
