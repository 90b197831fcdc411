// All that differs between the faulty plugins.
namespace trellis::tests {
extern const char* const fault_name;
const char* const fault_name = TRELLIS_FAULT;
}  // namespace trellis::tests
